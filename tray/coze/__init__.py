"""The cloud: it says what a run said and asks for, in the same few events whatever the mode; it knows no drafts."""
