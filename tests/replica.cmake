# Tests of common/replica.
furrow_unit_test(test_verdict furrow_replica)
