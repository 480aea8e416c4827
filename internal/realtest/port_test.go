package realtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

func TestAddressesAreReserved(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		address := realtest.FreeAddress(t)
		require.False(t, seen[address], "%s was given twice", address)
		seen[address] = true
	}
}
