"""Plays a client's part over time: asks a model, gives labels back and follows the ledger."""
