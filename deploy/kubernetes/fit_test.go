package kubernetes

import (
	"net"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	meta1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"paramedic/internal/config"
	"paramedic/workflows"
)

// configuration loads the paramedic.yml of the pods as the worker does, with
// the variables that the pods have.
func (m *manifests) configuration(t *testing.T) *config.Config {
	t.Helper()
	container, set, asked := m.worker(t), map[string]bool{}, map[string]bool{}
	for _, variable := range container.Env {
		set[variable.Name] = true
	}
	place := argument(t, container, "--config")
	cfg, err := config.Parse(place, []byte(m.mounted(t, place)), func(name string) (string, bool) {
		asked[name] = true
		return map[string]string{
			"DATABASE_URL": "postgres://paramedic:word@db/paramedic", "REDIS_URL": "redis://cache:6379/0",
			"PARAMEDIC_TOKEN_SHA256": strings.Repeat("a1", 32),
		}[name], set[name]
	})
	require.NoError(t, err)
	for name := range set {
		require.True(t, asked[name] || name == "GOMEMLIMIT" || strings.HasPrefix(name, "TEMPORAL_"), "nothing reads %s", name)
	}
	return cfg
}

// argument is the value that follows a flag of the worker.
func argument(t *testing.T, container core.Container, flag string) string {
	t.Helper()
	at := slices.Index(container.Args, flag)
	require.GreaterOrEqual(t, at, 0, "%s in %v", flag, container.Args)
	return container.Args[at+1]
}

// mounted is the content of a file in the pod, from a ConfigMap that exists.
func (m *manifests) mounted(t *testing.T, file string) string {
	t.Helper()
	for _, mount := range m.worker(t).VolumeMounts {
		if mount.MountPath != path.Dir(file) {
			continue
		}
		for _, volume := range m.deployment.Spec.Template.Spec.Volumes {
			if volume.Name == mount.Name {
				require.Contains(t, m.maps, volume.ConfigMap.Name)
				return m.maps[volume.ConfigMap.Name][path.Base(file)]
			}
		}
	}
	require.Fail(t, "no volume holds it", file)
	return ""
}

// The configuration is valid, and listens where the probes and the Service ask.
func TestConfigurationFitsThePod(t *testing.T) {
	each(t, func(t *testing.T, m *manifests) {
		cfg, container := m.configuration(t), m.worker(t)
		require.NotEmpty(t, cfg.Services)
		host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
		require.NoError(t, err)
		require.Equal(t, "0.0.0.0", host, "the kubelet does not come by loopback")
		require.Len(t, container.Ports, 1)
		require.Equal(t, port, strconv.Itoa(int(container.Ports[0].ContainerPort)))
		name := container.Ports[0].Name
		require.Equal(t, name, container.StartupProbe.TCPSocket.Port.StrVal)
		require.Equal(t, name, container.LivenessProbe.TCPSocket.Port.StrVal)
		require.Equal(t, name, container.ReadinessProbe.HTTPGet.Port.StrVal)
		require.Equal(t, name, m.service.Spec.Ports[0].TargetPort.StrVal)
		api, err := os.ReadFile("../../internal/web/api/openapi.yaml")
		require.NoError(t, err)
		require.Contains(t, string(api), "\n  "+container.ReadinessProbe.HTTPGet.Path+":\n", "an endpoint that there is")
	})
}

// The worker is given flags that it has, may write where it stores, and is
// given the time that it takes to stop.
func TestWorkerFitsThePod(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	each(t, func(t *testing.T, m *manifests) {
		container := m.worker(t)
		for _, arg := range container.Args {
			if strings.HasPrefix(arg, "--") {
				require.Contains(t, string(readme), "\n| `"+arg+"` |")
			}
		}
		data := argument(t, container, "--data")
		require.True(t, slices.ContainsFunc(container.VolumeMounts, func(mount core.VolumeMount) bool {
			return mount.MountPath == data && !mount.ReadOnly
		}), data)
		require.GreaterOrEqual(t, *m.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds, int64(35), "it stops within 30 s")
		for _, from := range container.EnvFrom {
			require.Contains(t, m.maps, from.ConfigMapRef.Name)
			require.Contains(t, m.maps[from.ConfigMapRef.Name], "TEMPORAL_ADDRESS")
		}
		require.Len(t, container.EnvFrom, 1)
	})
}

// Everything that selects pods selects these; what scales them names them.
func TestSelectorsMeetThePods(t *testing.T) {
	each(t, func(t *testing.T, m *manifests) {
		pods := labels.Set(m.deployment.Spec.Template.Labels)
		selects := func(selector *meta1.LabelSelector) {
			t.Helper()
			s, err := meta1.LabelSelectorAsSelector(selector)
			require.NoError(t, err)
			require.False(t, s.Empty())
			require.True(t, s.Matches(pods), s.String())
		}
		selects(m.deployment.Spec.Selector)
		selects(m.budget.Spec.Selector)
		selects(&m.network.Spec.PodSelector)
		for _, spread := range m.deployment.Spec.Template.Spec.TopologySpreadConstraints {
			selects(spread.LabelSelector)
		}
		require.True(t, labels.SelectorFromSet(m.service.Spec.Selector).Matches(pods))
		require.Nil(t, m.deployment.Spec.Replicas, "the autoscaler owns it")
		require.Len(t, m.namespaces, 1)
		if m.keda != nil {
			require.Nil(t, m.scaler, "one autoscaler only")
			require.Equal(t, m.deployment.Name, m.keda.Spec.ScaleTargetRef.Name)
			require.GreaterOrEqual(t, m.keda.Spec.MinReplicaCount, 2)
			return
		}
		require.Equal(t, m.deployment.Name, m.scaler.Spec.ScaleTargetRef.Name)
		require.GreaterOrEqual(t, *m.scaler.Spec.MinReplicas, int32(2))
	})
}

// KEDA looks at the task queue, the cluster and the namespace of the workers,
// and Prometheus at an endpoint that there is.
func TestComponentsFit(t *testing.T) {
	m := build(t, "overlays/example")
	require.NotNil(t, m.keda)
	trigger := m.keda.Spec.Triggers[0]
	require.Equal(t, "temporal", trigger.Type)
	temporal := m.maps[m.worker(t).EnvFrom[0].ConfigMapRef.Name]
	require.Equal(t, map[string]string{
		"endpoint": temporal["TEMPORAL_ADDRESS"], "namespace": temporal["TEMPORAL_NAMESPACE"],
		"taskQueue": workflows.TaskQueue, "queueTypes": "activity", "targetQueueSize": "5",
	}, trigger.Metadata)

	require.NotNil(t, m.monitor)
	require.True(t, labels.SelectorFromSet(m.monitor.Spec.Selector.MatchLabels).Matches(labels.Set(m.service.Labels)))
	endpoint := m.monitor.Spec.Endpoints[0]
	require.Equal(t, m.service.Spec.Ports[0].Name, endpoint.Port)
	metrics, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(metrics), "`GET "+endpoint.Path+"`"), endpoint.Path)
}

// A worker at a vantage point serves the one that its configuration names.
func TestVantagePoint(t *testing.T) {
	m := build(t, "overlays/vantage")
	container, cfg := m.worker(t), m.configuration(t)
	require.Contains(t, container.Args, "--agent")
	require.Contains(t, cfg.Services[0].Fleet.Vantage, argument(t, container, "--vantage"))
	require.True(t, cfg.Store.URL.Empty(), "it stores nothing")
}
