"""Tests of floor 4, the switch: real store, real crypto, real law; sessions are the one honest fake."""
