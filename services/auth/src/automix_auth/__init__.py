"""Who are you: accounts, tokens, public keys."""
