// Package kubernetes holds the tests of the manifests in this folder: they are
// built as kubectl builds them, read by the types of Kubernetes itself, and
// held to what a worker needs and to what it must not have.
package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// folders are what somebody may install.
var folders = []string{"base", "overlays/example", "overlays/vantage"}

// manifests are the objects of one folder.
type manifests struct {
	deployment *apps.Deployment
	service    *core.Service
	account    *core.ServiceAccount
	budget     *policy.PodDisruptionBudget
	network    *networking.NetworkPolicy
	scaler     *autoscaling.HorizontalPodAutoscaler
	maps       map[string]map[string]string
	keda       *scaledObject
	monitor    *serviceMonitor
	kinds      []string
	namespaces map[string]bool
}

// meta is what is read of every object's metadata.
type meta struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
}

// scaledObject is the part of KEDA's schema that is used here.
type scaledObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   meta   `json:"metadata"`
	Spec       struct {
		ScaleTargetRef  struct{ Name string } `json:"scaleTargetRef"`
		MinReplicaCount int                   `json:"minReplicaCount"`
		MaxReplicaCount int                   `json:"maxReplicaCount"`
		CooldownPeriod  int                   `json:"cooldownPeriod"`
		Triggers        []struct {
			Type       string            `json:"type"`
			MetricType string            `json:"metricType"`
			Metadata   map[string]string `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

// serviceMonitor is the part of the Prometheus Operator's schema that is used.
type serviceMonitor struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   meta   `json:"metadata"`
	Spec       struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"selector"`
		Endpoints []struct {
			Port          string `json:"port"`
			Path          string `json:"path"`
			Interval      string `json:"interval"`
			Authorization struct {
				Credentials core.SecretKeySelector `json:"credentials"`
			} `json:"authorization"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// build builds a folder. A field that Kubernetes does not know is an error.
func build(t *testing.T, folder string) *manifests {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err, folder)
	m := &manifests{maps: map[string]map[string]string{}, namespaces: map[string]bool{}}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		m.kinds = append(m.kinds, resource.GetKind())
		m.namespaces[resource.GetNamespace()] = true
		switch resource.GetKind() {
		case "ScaledObject":
			m.keda = &scaledObject{}
			require.NoError(t, yaml.UnmarshalStrict(text, m.keda))
			require.Equal(t, "keda.sh/v1alpha1", m.keda.APIVersion)
			continue
		case "ServiceMonitor":
			m.monitor = &serviceMonitor{}
			require.NoError(t, yaml.UnmarshalStrict(text, m.monitor))
			require.Equal(t, "monitoring.coreos.com/v1", m.monitor.APIVersion)
			continue
		}
		object, _, err := strict.Decode(text, nil, nil)
		require.NoError(t, err, "%s:\n%s", folder, text)
		m.add(t, object)
	}
	require.NotNil(t, m.deployment, folder)
	return m
}

// add keeps one object. A kind that no test looks at does not get past it.
func (m *manifests) add(t *testing.T, object runtime.Object) {
	t.Helper()
	switch object := object.(type) {
	case *apps.Deployment:
		require.Nil(t, m.deployment, "there is one Deployment")
		m.deployment = object
	case *core.Service:
		m.service = object
	case *core.ServiceAccount:
		m.account = object
	case *core.ConfigMap:
		m.maps[object.Name] = object.Data
	case *policy.PodDisruptionBudget:
		m.budget = object
	case *networking.NetworkPolicy:
		m.network = object
	case *autoscaling.HorizontalPodAutoscaler:
		m.scaler = object
	default:
		require.Fail(t, "nobody tests it", "%T", object)
	}
}

// worker is the one container.
func (m *manifests) worker(t *testing.T) core.Container {
	t.Helper()
	pod := m.deployment.Spec.Template.Spec
	require.Len(t, pod.Containers, 1)
	require.Empty(t, pod.InitContainers)
	return pod.Containers[0]
}

// each runs a test for every folder.
func each(t *testing.T, test func(t *testing.T, m *manifests)) {
	t.Helper()
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) { test(t, build(t, folder)) })
	}
}
