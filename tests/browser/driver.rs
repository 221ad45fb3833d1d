//! A browser window, and what can be asked of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;
use std::{env, fs};

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What people sit in front of.
#[derive(Clone, Copy)]
pub(crate) enum Screen {
    Desktop,
    Phone,
    DarkPhone,
}

/// One browser with one window. It ends with the test, however that ends.
pub(crate) struct Browser {
    client: Client,
    port: u16,
    _driver: Child,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver alone, killed, would leave its browser behind.
        if let Ok(mut connection) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = connection.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            let _ = connection.read(&mut [0; 64]);
        }
    }
}

/// A chromedriver, and its port. It takes a free one of IPv4 and then wants the same number of IPv6, which
/// somebody else may hold: it gives up then, and the next one gets another number.
async fn driver() -> (Child, u16) {
    for _ in 0..10 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return (driver, port.trim_end_matches('.').parse().unwrap());
            }
        }
    }
    panic!("chromedriver starts and tells its port");
}

impl Browser {
    pub(crate) async fn open(screen: Screen) -> Self {
        let (driver, port) = driver().await;
        let mut arguments = vec![
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--window-size=1280,960",
        ];
        // Blink's number for a preference, which is otherwise the machine's.
        arguments.push(match screen {
            Screen::DarkPhone => "--blink-settings=preferredColorScheme=0",
            _ => "--blink-settings=preferredColorScheme=1",
        });
        let mut options = json!({ "args": arguments });
        if !matches!(screen, Screen::Desktop) {
            options["mobileEmulation"] = json!({
                "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2, "touch": true, "mobile": true },
            });
        }
        let capabilities = json!({ "browserName": "chrome", "goog:chromeOptions": options });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { client, port, _driver: driver }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// The element that a CSS selector finds, as soon as it is there.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        let wait = self.client.wait().at_most(Duration::from_secs(30));
        wait.for_element(Locator::Css(selector)).await.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// The address that the browser was sent to, where nobody answers: it shows a page of its own then.
    pub(crate) async fn unreachable_url(&self) -> String {
        self.find("#main-frame-error").await;
        self.client.current_url().await.unwrap().to_string()
    }

    /// Types into whatever has the focus.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    /// Waits until an element that `xpath` finds contains `text`.
    pub(crate) async fn wait_for(&self, xpath: &str, text: &str) {
        let wait = self.client.wait().at_most(Duration::from_secs(30));
        let says = format!("{xpath}[contains(normalize-space(.), \"{text}\")]");
        if let Err(error) = wait.for_element(Locator::XPath(&says)).await {
            panic!("nothing says {text:?}, {error}: {}", self.text("body").await);
        }
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// What is on the screen, as a PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.unwrap()
    }

    /// Keeps a screenshot of an element for the README.
    pub(crate) async fn picture(&self, selector: &str, name: &str) {
        let png = self.find(selector).await.screenshot().await.unwrap();
        if let Some(folder) = env::var_os("USHER_PICTURES") {
            fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    /// Holds the page as it is now against axe-core: no serious or critical fault.
    pub(crate) async fn expect_accessible(&self) {
        let path = env::var("USHER_AXE").expect("USHER_AXE names axe-core's axe.min.js");
        let axe = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.client.execute(&axe, Vec::new()).await.unwrap();
        let script = "const done = arguments[0]; axe.run(document).then((found) => done(found.violations \
             .map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html }) => html) }))))";
        let faults = self.client.execute_async(script, Vec::new()).await.unwrap();
        let serious = |fault: &&Value| fault["impact"] == "serious" || fault["impact"] == "critical";
        let faults: Vec<_> = faults.as_array().unwrap().iter().filter(serious).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }

    /// Holds a phone's page against what a thumb and an eye need: each target at least 44 pixels high
    /// (WCAG 2.2, 2.5.5), and nothing wider than the screen.
    pub(crate) async fn expect_fit_for_a_phone(&self) {
        let small = "return [...document.querySelectorAll('a, button, summary, input:not([type=hidden])')] \
             .filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 44).map((it) => it.outerHTML)";
        assert_eq!(self.run(small).await, json!([]));
        let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(self.run(overflow).await, 0);
    }

    /// Holds a page that nobody has touched yet against a layout that moves while it loads.
    pub(crate) async fn expect_that_nothing_moved(&self) {
        let shifts = "const done = arguments[0]; let sum = 0; \
             new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; }) \
             .observe({ type: 'layout-shift', buffered: true }); \
             requestAnimationFrame(() => requestAnimationFrame(() => done(sum)))";
        assert_eq!(self.client.execute_async(shifts, Vec::new()).await.unwrap(), 0);
    }
}
