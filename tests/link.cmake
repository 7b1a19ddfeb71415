# Tests of common/link.
