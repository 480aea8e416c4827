package operator

import (
	"fmt"

	"go.temporal.io/sdk/contrib/envconfig"
)

// NamesCluster reports whether the endpoint, the TEMPORAL_* variables or a
// profile name a Temporal cluster. If nothing does, the worker starts its own.
func (e Endpoint) NamesCluster() (bool, error) {
	if e.Address != "" || e.Profile != "" {
		return true, nil
	}
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{})
	if err != nil {
		return false, fmt.Errorf("read the TEMPORAL_* variables and profile: %w", err)
	}
	return options.HostPort != "", nil
}
