mod forgot_password;
mod login;
mod logout;
mod reset_password;
mod session;
mod token;
mod users;
