package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestRunCutsWhatIsTooMuch(t *testing.T) {
	found := health.Result{Observations: map[string]float64{}, Facts: map[string]string{}}
	for i := range 50 {
		found.Observations[fmt.Sprintf("n%02d", i)] = float64(i)
		found.Facts[fmt.Sprintf("f%02d", i)] = strings.Repeat("ü", 100)
	}
	found.Observations["a_nan"], found.Observations["a_inf"] = math.NaN(), math.Inf(1)
	found.Observations["a"+strings.Repeat("x", 60)], found.Facts["a"+strings.Repeat("x", 60)] = 1, "long name"
	found.Facts["a_broken"] = "a\xffb"
	result := Run(context.Background(), stub(func(context.Context) health.Result { return found }), time.Second)

	require.Len(t, result.Observations, 20)
	require.Equal(t, 19.0, result.Observations["n19"])
	require.NotContains(t, result.Observations, "n20")
	require.Len(t, result.Facts, 20)
	require.Equal(t, "a?b", result.Facts["a_broken"])
	require.LessOrEqual(t, len(result.Facts["f00"]), 100)
	require.True(t, strings.HasSuffix(result.Facts["f00"], "ü…"), result.Facts["f00"])
	_, err := json.Marshal(result)
	require.NoError(t, err)
}
