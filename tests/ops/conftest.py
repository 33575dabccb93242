"""The first call into PyTorch takes its time, so no single example has a deadline."""

from hypothesis import settings

settings.register_profile("ops", deadline=None)
settings.load_profile("ops")
