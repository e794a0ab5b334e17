"""The engine for several gateways: PostgreSQL behind the same interface (ADR 0008)."""
