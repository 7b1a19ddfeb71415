# Tests of common/base.
foreach(name status arena budget buffer clock id number secret settings backoff logger)
  furrow_unit_test(test_${name} furrow_base)
endforeach()
foreach(name task loop)
  furrow_unit_test(test_${name} furrow_base furrow_test_support)
endforeach()
