//! Whose account the credentials open, and the guard against changing another one.

use super::{
    call::{Form, Wire},
    endpoint::STS,
};
use crate::cloud::control::{Failure, FailureKind};

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// The account's number.
    pub(super) number: String,
    /// Who in it, as an ARN.
    pub(super) caller: String,
}

impl Wire {
    /// Who calls; asked once.
    ///
    /// # Errors
    /// When the credentials are of no use.
    pub(super) async fn account(&self) -> Result<&Account, Failure> {
        let ask = || async {
            let root = self.query(STS, &self.home, "GetCallerIdentity", &Form::new()).await?;
            let result = root.child("GetCallerIdentityResult").cloned().unwrap_or_default();
            let field = |name: &str| result.text_at(name).unwrap_or_default().to_owned();
            let account = Account { number: field("Account"), caller: field("Arn") };
            if account.number.is_empty() || !account.number.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = "the answer names no account";
                return Err(Failure::new(FailureKind::Unavailable, "sts:GetCallerIdentity", message));
            }
            Ok(account)
        };
        self.found.get_or_try_init(ask).await
    }

    /// Refuses to change anything in an account that wildcam.toml does not name.
    ///
    /// # Errors
    /// [`FailureKind::Credentials`] for another account, or as [`Wire::account`].
    pub(super) async fn guard(&self) -> Result<(), Failure> {
        let Some(declared) = &self.declared else { return Ok(()) };
        let found = self.account().await?;
        if *declared == found.number {
            return Ok(());
        }
        let message = format!("the credentials open the account {}, and wildcam.toml says {declared}", found.number);
        Err(Failure::new(FailureKind::Credentials, "sts:GetCallerIdentity", message)
            .next_step("sign in to the right account (AWS_PROFILE), or correct `account` of the cloud"))
    }
}
