"""Measures serve_model beside its peers, in one run on one machine."""
