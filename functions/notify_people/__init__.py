"""Tells people what they should know: by chat, mail or a webhook."""
