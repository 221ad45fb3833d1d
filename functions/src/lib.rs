//! Usher's endpoints: the one place that names them all.
//!
//! A module of [`watch`], [`screener`], [`admin`], [`vidizmo`], [`pages`] or [`platform`] is one endpoint and reads top to bottom:
//! request, reply, handler. Each has a binary of its own in `src/bin/`. Two have no route: [`TRIGGERS`].

pub mod admin;
mod counted;
mod credential;
mod gate;
mod own_limits;
pub mod pages;
mod pairing;
pub mod platform;
mod recovery;
pub mod screener;
mod sessions;
mod sign_in;
pub mod vidizmo;
pub mod watch;

use std::sync::Arc;

use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::Response;
use lambda_http::{Body, BoxFuture, Error};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::config::Environment;
use shared::endpoint::{self, Endpoint};
use shared::failure::{Failure, Surface};
use shared::triggered::{self, Triggered};

/// Answers events, each with its request's id, in this process, as the binary of the same endpoint does on Lambda.
pub type Handler =
    Arc<dyn Fn(ApiGatewayV2httpRequest, String) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// Answers another service's events, each with its request's id, in this process, as the binary of the same
/// function does on Lambda.
pub type Invocation =
    Arc<dyn Fn(Box<RawValue>, String) -> BoxFuture<'static, Result<Value, Error>> + Send + Sync>;

/// One route: what API Gateway matches, and how to build what answers it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The binary's name.
    pub name: &'static str,
    /// What a call of it is in the log.
    pub event: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with parameters as `{name}`.
    pub path: &'static str,
    /// Whose error shape it uses.
    pub surface: Surface,
    /// Builds the endpoint for an environment.
    pub build: fn(Environment) -> BoxFuture<'static, Result<Handler, Failure>>,
}

impl Route {
    const fn to<E: Endpoint>() -> Self {
        Self {
            name: E::NAME,
            event: E::EVENT,
            method: E::METHOD,
            path: E::PATH,
            surface: E::SURFACE,
            build: |environment| {
                Box::pin(async move {
                    let endpoint = Arc::new(E::build(&environment).await?);
                    let handler: Handler = Arc::new(move |event, id| {
                        Box::pin(endpoint::answer(Arc::clone(&endpoint), event, id))
                    });
                    Ok(handler)
                })
            },
        }
    }
}

/// Every endpoint there is.
pub const ROUTES: &[Route] = &[
    Route::to::<watch::login::Login>(),
    Route::to::<watch::logout::Logout>(),
    Route::to::<watch::token_refresh::TokenRefresh>(),
    Route::to::<watch::session::Session>(),
    Route::to::<watch::sign_up::SignUp>(),
    Route::to::<watch::forgot_password::ForgotPassword>(),
    Route::to::<watch::reset_password::ResetPassword>(),
    Route::to::<watch::qr_get_code::QrGetCode>(),
    Route::to::<watch::qr_approve::QrApprove>(),
    Route::to::<watch::qr_get_token::QrGetToken>(),
    Route::to::<screener::register::Register>(),
    Route::to::<screener::request::Request>(),
    Route::to::<screener::verify::Verify>(),
    Route::to::<admin::login::Login>(),
    Route::to::<admin::sso_initiate::SsoInitiate>(),
    Route::to::<admin::sso_login::SsoLogin>(),
    Route::to::<admin::refresh::Refresh>(),
    Route::to::<admin::logout::Logout>(),
    Route::to::<admin::session::Session>(),
    Route::to::<admin::hotlist::Hotlist>(),
    Route::to::<vidizmo::authenticate::Authenticate>(),
    Route::to::<vidizmo::user::User>(),
    Route::to::<vidizmo::logout::Logout>(),
    Route::to::<vidizmo::logout_get::LogoutGet>(),
    Route::to::<vidizmo::refresh::Refresh>(),
    Route::to::<pages::reset_page::ResetPage>(),
    Route::to::<pages::reset_submit::ResetSubmit>(),
    Route::to::<pages::qr_page::QrPage>(),
    Route::to::<pages::qr_submit::QrSubmit>(),
    Route::to::<pages::qr_image_png::QrImagePng>(),
    Route::to::<pages::qr_image_svg::QrImageSvg>(),
    Route::to::<pages::page_style::PageStyle>(),
    Route::to::<platform::jwks::Jwks>(),
];

/// One function without a route, and how to build what answers its invocations.
#[derive(Clone, Copy, Debug)]
pub struct Trigger {
    /// The binary's name.
    pub name: &'static str,
    /// What an invocation of it is in the log.
    pub event: &'static str,
    /// Builds the function for an environment.
    pub build: fn(Environment) -> BoxFuture<'static, Result<Invocation, Failure>>,
}

impl Trigger {
    const fn of<T: Triggered>() -> Self {
        Self {
            name: T::NAME,
            event: T::EVENT,
            build: |environment| {
                Box::pin(async move {
                    let function = Arc::new(T::build(&environment).await?);
                    let invocation: Invocation = Arc::new(move |event, id| {
                        Box::pin(triggered::invoke(Arc::clone(&function), event, id))
                    });
                    Ok(invocation)
                })
            },
        }
    }
}

/// Every function that another service invokes: API Gateway, to ask whether a call may pass, and Secrets
/// Manager, to rotate.
pub const TRIGGERS: &[Trigger] = &[
    Trigger::of::<platform::authorizer::Authorizer>(),
    Trigger::of::<platform::key_rotation::KeyRotation>(),
];
