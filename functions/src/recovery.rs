//! Setting a new password with a reset code: what the API and the page have in common.

use shared::body::Invalid;
use shared::config::Environment;
use shared::failure::Failure;
use shared::identity;
use shared::limits::{self, Counter};
use shared::log::Level;
use shared::mail::{Mail, Mailer};
use shared::password;
use shared::private::Private;
use shared::request::Call;
use shared::store::enterprise::Enterprise;
use shared::store::reset::{Person, Reset};
use shared::store::{Store, parse};

use crate::counted::Counted;

/// Sets new passwords.
#[derive(Debug)]
pub(crate) struct Recovery {
    pub(crate) store: Store,
    mailer: Mailer,
}

impl Recovery {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self { store: Store::new(environment), mailer: Mailer::new(environment) }
    }

    /// The limit on codes that are tried from the caller's address.
    pub(crate) fn limit(call: &Call) -> Counter {
        limits::RESET_SOURCE.counter("", &call.source, call.now)
    }

    /// Opens what a page's address names: one try, then the reset, then its enterprise.
    pub(crate) async fn open(
        &self,
        call: &Call,
        code: &Private,
        counted: &Counted<'_>,
    ) -> Result<(Enterprise, Person), Failure> {
        let key = [&Reset::key(code)];
        // Both are waited for, though one may fail: a try that is still on its way cannot be taken back.
        let (has_room, reset) = tokio::join!(counted.take(), self.store.read(key));
        let [reset] = reset?;
        if !has_room? {
            return Err(counted.refusal());
        }
        let reset = parse::<Reset>(reset)?.ok_or(Failure::Credentials)?;
        call.notes.add(|about| about.enterprise = Some(reset.enterprise.clone()));
        let [enterprise] = self.store.read([&Enterprise::key(&reset.enterprise)]).await?;
        let enterprise = parse::<Enterprise>(enterprise)?.ok_or(Failure::Credentials)?;
        if !enterprise.settings.has_watch_method("password") {
            return Err(Failure::Credentials);
        }
        let person = reset.person_at(call.now, None).cloned().ok_or(Failure::Credentials)?;
        Ok((enterprise, person))
    }

    /// Spends the code for a new password, ends all the person's sessions, and tells them by
    /// e-mail. Of many at once with one code, exactly one succeeds.
    pub(crate) async fn set_password(
        &self,
        call: &Call,
        enterprise: &Enterprise,
        code: &Private,
        person: &Person,
        new: &Private,
    ) -> Result<(), Failure> {
        let ent = enterprise.id.as_str();
        call.notes.add(|about| {
            about.enterprise = Some(ent.to_owned());
            about.user = Some(person.user.clone());
        });
        let hash = password::hash(new.clone()).await?;
        let names = identity::names(&person.username, Some(&person.email));
        let mut writes = vec![
            self.store.spending_reset(code, ent, call.now),
            self.store.ending_sessions_of(ent, &person.user, person.epoch),
        ];
        for name in &names {
            writes.push(self.store.changing_password(ent, name, &person.user, &hash));
            // Whoever has the code proves more than a password: it lifts the lock.
            writes.push(self.store.clearing(&limits::LOGIN_ACCOUNT.counter(ent, name, call.now)));
        }
        if self.store.transact(writes).await?.is_err() {
            return Err(Failure::Credentials);
        }
        if let Err(failure) =
            self.mailer.send(enterprise, &person.email, &Mail::password_changed(enterprise.brand())).await
        {
            // The password is changed: the answer must say so, whatever becomes of the e-mail.
            call.log(Level::Error, "mail", &failure);
        }
        Ok(())
    }
}

/// Refuses a new password that the enterprise's policy refuses.
pub(crate) fn check_password(
    field: &str,
    new: &Private,
    enterprise: &Enterprise,
    person: Option<&Person>,
) -> Result<(), Invalid> {
    let mut context = vec![enterprise.id.as_str(), enterprise.brand()];
    if let Some(person) = person {
        context.extend([person.username.expose(), person.email.expose()]);
    }
    password::check(field, new, enterprise.settings.password_min_length, &context)
}
