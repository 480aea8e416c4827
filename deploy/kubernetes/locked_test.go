package kubernetes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	meta1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// The pods keep the restricted Pod Security Standard, and a little more: they
// cannot write to their image, and have no token of Kubernetes.
func TestPodsAreRestricted(t *testing.T) {
	each(t, func(t *testing.T, m *manifests) {
		pod := m.deployment.Spec.Template.Spec
		require.False(t, pod.HostNetwork || pod.HostPID || pod.HostIPC)
		require.True(t, *pod.SecurityContext.RunAsNonRoot)
		require.EqualValues(t, 65532, *pod.SecurityContext.RunAsUser, "the user of the Dockerfile")
		require.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
		require.False(t, *pod.AutomountServiceAccountToken)
		require.False(t, *m.account.AutomountServiceAccountToken)
		require.Equal(t, m.account.Name, pod.ServiceAccountName)
		for _, volume := range pod.Volumes {
			require.True(t, volume.ConfigMap != nil || volume.EmptyDir != nil, "%s is of the pod itself", volume.Name)
		}
		container := m.worker(t)
		rights := container.SecurityContext
		require.False(t, *rights.AllowPrivilegeEscalation)
		require.True(t, *rights.ReadOnlyRootFilesystem)
		require.Nil(t, rights.Privileged)
		require.Equal(t, []core.Capability{"ALL"}, rights.Capabilities.Drop)
		require.Empty(t, rights.Capabilities.Add)
		for _, port := range container.Ports {
			require.Zero(t, port.HostPort)
		}
	})
}

// An image has a version, and what it needs is said.
func TestPodsAreOfAVersionAndASize(t *testing.T) {
	each(t, func(t *testing.T, m *manifests) {
		container := m.worker(t)
		_, tag, found := strings.Cut(container.Image, ":")
		require.True(t, found, container.Image)
		require.NotEqual(t, "latest", tag)
		require.NotEmpty(t, tag)
		resources := container.Resources
		require.False(t, resources.Requests.Cpu().IsZero(), "the autoscaler counts in shares of it")
		require.False(t, resources.Requests.Memory().IsZero())
		require.False(t, resources.Limits.Memory().IsZero())
		require.True(t, resources.Limits.Cpu().IsZero(), "throttled probes are late")
	})
}

// No secret stands in a manifest: they come from the Secret.
func TestSecretsComeFromTheSecret(t *testing.T) {
	each(t, func(t *testing.T, m *manifests) {
		require.NotContains(t, m.kinds, "Secret")
		plain := map[string]bool{"GOMEMLIMIT": true}
		for _, variable := range m.worker(t).Env {
			if variable.ValueFrom == nil {
				require.True(t, plain[variable.Name], variable.Name)
				continue
			}
			require.Equal(t, "paramedic", variable.ValueFrom.SecretKeyRef.Name)
			require.Equal(t, variable.Name, variable.ValueFrom.SecretKeyRef.Key)
		}
	})
}

// Nobody gets in but those who are named, and by the one port; the address at
// which clouds hand out credentials is out of reach.
func TestNetworkIsClosed(t *testing.T) {
	each(t, func(t *testing.T, m *manifests) {
		require.ElementsMatch(t, []any{"Ingress", "Egress"}, []any{string(m.network.Spec.PolicyTypes[0]), string(m.network.Spec.PolicyTypes[1])})
		require.Equal(t, m.deployment.Spec.Selector.MatchLabels, m.network.Spec.PodSelector.MatchLabels)
		require.Len(t, m.network.Spec.Ingress, 1)
		rule := m.network.Spec.Ingress[0]
		require.Len(t, rule.Ports, 1)
		require.Equal(t, m.worker(t).Ports[0].Name, rule.Ports[0].Port.StrVal)
		require.NotEmpty(t, rule.From)
		for _, peer := range rule.From {
			selector, err := meta1.LabelSelectorAsSelector(peer.NamespaceSelector)
			require.NoError(t, err)
			for name, let := range map[string]bool{"monitoring": true, "ingress-nginx": true, "default": false, "shop": false} {
				require.Equal(t, let, selector.Matches(labels.Set{"kubernetes.io/metadata.name": name}), name)
			}
		}
		var excepted []string
		for _, peer := range m.network.Spec.Egress[0].To {
			if peer.IPBlock != nil {
				excepted = append(excepted, peer.IPBlock.Except...)
			}
		}
		require.Equal(t, []string{"169.254.169.254/32", "fd00:ec2::254/128"}, excepted)
	})
}
