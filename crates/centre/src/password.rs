//! Passwords: argon2id, a few at a time, and as slow for an unknown login as for a known one.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// Hashes at the same time: each takes about 20 MiB and a core.
const HASHES_AT_ONCE_MAX: usize = 2;
/// Requests that wait for a hash; further ones are refused.
const HASHES_WAITING_MAX: usize = 32;

/// Why a password could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many sign-ins at once")]
    Busy,
    #[error("the password could not be hashed")]
    Hash,
}

/// Hashes and verifies.
#[derive(Clone, Debug)]
pub struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(HASHES_AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(HASHES_WAITING_MAX)),
        }
    }
}

impl Passwords {
    /// # Errors
    /// [`PasswordError::Busy`] when too many wait.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.run(move || hash(&password)).await?
    }

    /// Whether the password is the one of this hash; for an unknown login (`None`) never, after the same work.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many wait.
    pub async fn is_right(&self, password: String, hash: Option<String>) -> Result<bool, PasswordError> {
        self.run(move || {
            let known = hash.is_some();
            let text = hash.as_deref().or_else(|| nobody());
            let right = text
                .and_then(|text| PasswordHash::new(text).ok())
                .is_some_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
            known && right
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| PasswordError::Busy)?;
        let _turn = self.at_once.acquire().await.map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Hash)
    }
}

fn hash(password: &str) -> Result<String, PasswordError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash: PasswordHash| hash.to_string())
        .map_err(|_| PasswordError::Hash)
}

/// The hash of a password that nobody has.
fn nobody() -> Option<&'static str> {
    static NOBODY: OnceLock<Option<String>> = OnceLock::new();
    NOBODY.get_or_init(|| hash(&crate::secret::draw()).ok()).as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_is_right() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery".to_owned()).await.expect("hashes");
        assert!(hash.starts_with("$argon2id$"));
        let right = |password: &str, hash: Option<&String>| passwords.is_right(password.to_owned(), hash.cloned());
        assert!(right("correct horse battery", Some(&hash)).await.expect("looks"));
        assert!(!right("correct horse", Some(&hash)).await.expect("looks"));
        assert!(!right("correct horse battery", None).await.expect("looks"));
        assert!(!right("x", Some(&"no hash".to_owned())).await.expect("looks"));
    }
}
