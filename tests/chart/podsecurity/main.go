// podsecurity says what Kubernetes' Pod Security admission would say of the pods in a YAML or JSON stream: every document on standard input
// is a pod or something with a pod template. It asks the admission plugin's own evaluator, at the level "restricted" of the given version.
//
//	podsecurity VERSION <manifests    VERSION: v1.30, latest
//
// Prints one line per pod, and fails when one is refused or when there is none.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Any kind that holds a pod: Deployment, StatefulSet and Job keep it in spec.template, a CronJob one level deeper, a Pod is one.
type manifest struct {
	Kind     string            `json:"kind"`
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		corev1.PodSpec `json:",inline"`
		Template       *corev1.PodTemplateSpec `json:"template"`
		JobTemplate    *struct {
			Spec struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

func (m *manifest) pod() (*metav1.ObjectMeta, *corev1.PodSpec) {
	switch {
	case m.Kind == "Pod":
		return &m.Metadata, &m.Spec.PodSpec
	case m.Spec.Template != nil:
		return &m.Spec.Template.ObjectMeta, &m.Spec.Template.Spec
	case m.Spec.JobTemplate != nil:
		return &m.Spec.JobTemplate.Spec.Template.ObjectMeta, &m.Spec.JobTemplate.Spec.Template.Spec
	}
	return nil, nil
}

func evaluate(version api.Version, in io.Reader) (seen, refused int, err error) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return 0, 0, err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(in, 4096)
	for {
		var object manifest
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return seen, refused, nil
		} else if err != nil {
			return seen, refused, err
		}
		meta, spec := object.pod()
		if spec == nil || len(spec.Containers) == 0 {
			continue
		}
		seen++
		level := api.LevelVersion{Level: api.LevelRestricted, Version: version}
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, meta, spec))
		if result.Allowed {
			fmt.Printf("restricted %s: %s %s\n", version.String(), object.Kind, object.Metadata.Name)
			continue
		}
		refused++
		fmt.Printf("REFUSED %s: %s %s: %s\n", version.String(), object.Kind, object.Metadata.Name, strings.TrimSpace(result.ForbiddenDetail()))
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: podsecurity VERSION <manifests")
		os.Exit(2)
	}
	version, err := api.ParseVersion(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "podsecurity:", err)
		os.Exit(2)
	}
	seen, refused, err := evaluate(version, os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "podsecurity:", err)
		os.Exit(1)
	}
	if seen == 0 {
		fmt.Fprintln(os.Stderr, "podsecurity: no pod in the input")
		os.Exit(1)
	}
	if refused > 0 {
		os.Exit(1)
	}
}
