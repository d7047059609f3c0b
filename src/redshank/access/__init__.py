"""Who people are, what they may do, and what they did: accounts, sessions, tokens, guests, the limiter of log-ins, the audit."""
