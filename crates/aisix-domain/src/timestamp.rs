use crate::Invalid;

/// A moment as its writer spelled it (RFC 3339), with its value in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    text: String,
    unix_seconds: i64,
}

impl Timestamp {
    /// # Errors
    /// `invalid_timestamp` unless RFC 3339 with an offset, such as `2027-01-31T00:00:00Z`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(
                "invalid_timestamp",
                "",
                "write a time as RFC 3339 with an offset: 2027-01-31T00:00:00Z",
            )
        };
        // jiff also reads shapes that RFC 3339 does not have (week dates, bracketed zones): require its skeleton.
        let skeleton = text.len() >= 20
            && text.bytes().all(|b| b.is_ascii_digit() || b"-:.TtZz +".contains(&b))
            && text.as_bytes()[4] == b'-'
            && text.as_bytes()[7] == b'-';
        let parsed = skeleton.then(|| text.parse::<jiff::Timestamp>().ok()).flatten();
        let timestamp = parsed.ok_or_else(invalid)?;
        Ok(Self { text: text.to_owned(), unix_seconds: timestamp.as_second() })
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(&self) -> i64 {
        self.unix_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_only() {
        assert_eq!(Timestamp::parse("1970-01-02T00:00:00Z").unwrap().unix_seconds(), 86_400);
        assert_eq!(Timestamp::parse("1970-01-02T02:00:00+02:00").unwrap().unix_seconds(), 86_400);
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00.9Z").unwrap().as_str(), "1970-01-01T00:00:00.9Z");
        for bad in [
            "",
            "tomorrow",
            "2027-01-31",
            "2027-01-31T00:00:00",
            "1970-13-01T00:00:00Z",
            "2027-01-31T00:00:00Z[UTC]",
        ] {
            assert_eq!(Timestamp::parse(bad).unwrap_err().code(), "invalid_timestamp", "{bad}");
        }
    }
}
