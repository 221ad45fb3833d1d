//! A phone's browser on the page of a login code.

use crate::{Answer, App, Client};

/// A browser that has opened a code's page, and sends its forms as they are.
#[derive(Clone)]
pub struct Phone {
    /// Sends the browser's cookie.
    pub client: Client,
    /// The page's address.
    pub path: String,
    /// The token in the page's forms.
    pub csrf: String,
}

impl Phone {
    /// A browser without cookies, before it has opened the page of `code`.
    pub fn new(client: Client, code: &str) -> Self {
        Self { client, path: format!("/qr/{code}"), csrf: String::new() }
    }

    /// Opens the page of `code` in a browser without cookies.
    pub async fn open(app: &App, code: &str) -> Self {
        let mut phone = Self::new(app.anonymous(), code);
        phone.reload().await;
        phone
    }

    /// Opens the page again.
    pub async fn reload(&mut self) -> Answer {
        let page = self.client.get(&self.path).await;
        self.show(&page);
        page
    }

    /// Sends a form of the page that is shown, and shows what comes back.
    pub async fn send(&mut self, fields: &[(&str, &str)]) -> Answer {
        let page = self.send_quietly(fields).await;
        self.show(&page);
        page
    }

    /// Sends a form of the page that is shown, which stays.
    pub async fn send_quietly(&self, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(fields);
        self.client.post_form(&self.path, &all).await
    }

    /// Signs in by password.
    pub async fn sign_in(&mut self, username: &str, password: &str) -> Answer {
        self.send(&[("type", "password"), ("username", username), ("password", password)]).await
    }

    /// Says yes or no, as the button `answer` does.
    pub async fn answer(&mut self, answer: &str) -> Answer {
        self.send(&[("answer", answer)]).await
    }

    /// Shows a page, with its cookie and its token.
    pub fn show(&mut self, page: &Answer) {
        if let Some(cookie) = page.header("set-cookie").split(';').next().filter(|cookie| !cookie.is_empty())
        {
            self.client = self.client.clone().with_cookie(cookie);
        }
        if let Some(csrf) = page.text.split("name=\"csrf\" value=\"").nth(1) {
            csrf.split('"').next().unwrap_or_default().clone_into(&mut self.csrf);
        }
    }
}
