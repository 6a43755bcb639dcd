"""The provider that needs no key: it renders real clips on this machine."""
