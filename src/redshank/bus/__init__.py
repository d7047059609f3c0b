"""The bus: small JSON envelopes between parts, in one process or over Kafka."""
