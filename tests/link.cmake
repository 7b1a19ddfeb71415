# Tests of common/link.
furrow_unit_test(test_wheel furrow_link)
furrow_integration_test(test_link furrow_link)
furrow_integration_test(test_jetstream furrow_link)
