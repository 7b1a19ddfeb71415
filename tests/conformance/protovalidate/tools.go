//go:build tools

// The program that has protovalidate's conformance cases: a module must import what it is to pin.
package tools

import _ "github.com/bufbuild/protovalidate/tools/protovalidate-conformance"
