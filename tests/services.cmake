# Tests of the services: their rules alone, and the whole mesh on real servers.
foreach(service employee location job timesheet)
  furrow_unit_test(test_${service}_domain furrow_domain_${service})
endforeach()
