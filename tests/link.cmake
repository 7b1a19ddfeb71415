# Tests of common/link.
furrow_integration_test(test_link furrow_link)
