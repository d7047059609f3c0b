"""What must survive: events, alerts, the outbox, the judge's memory. SQLAlchemy Core on SQLite; one writer thread."""
