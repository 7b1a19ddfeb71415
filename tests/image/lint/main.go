// What `docker build --check` says of a Dockerfile: BuildKit's own rules, without an engine or a registry.
//
//	lint FILE      exit code 1: it has something to say
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/opencontainers/go-digest"
)

// Every base image is one that says nothing of itself: no registry is asked.
type plainImages struct{}

func (plainImages) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, "", []byte("{}"), nil
}

func fail(code int, text ...any) {
	fmt.Fprintln(os.Stderr, text...)
	os.Exit(code)
}

func main() {
	if len(os.Args) != 2 {
		fail(2, "usage: lint FILE")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(2, err)
	}
	found := 0
	warn := func(rule, _, url, message string, where []parser.Range) {
		found++
		line := 0
		if len(where) > 0 {
			line = where[0].Start.Line
		}
		fmt.Printf("%s:%d: %s: %s (%s)\n", os.Args[1], line, rule, message, url)
	}
	options := dockerfile2llb.ConvertOpt{MetaResolver: plainImages{}, AllStages: true, Warn: warn}
	if _, _, _, _, err = dockerfile2llb.Dockerfile2LLB(context.Background(), text, options); err != nil {
		fail(1, fmt.Sprintf("%s: %v", os.Args[1], err))
	}
	if found > 0 {
		os.Exit(1)
	}
}
