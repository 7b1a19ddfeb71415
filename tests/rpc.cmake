# Tests of common/rpc.
furrow_integration_test(test_rpc furrow_rpc furrow_proto_job furrow_proto_job_client)
