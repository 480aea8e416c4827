package fleet

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
)

func TestStepsAreFilledInForTheTarget(t *testing.T) {
	s := newStreet(t)
	record := filepath.Join(t.TempDir(), "record")
	f, _, _ := openShops(t, s, "", fmt.Sprintf(`
      {exec: {command: [/bin/sh, -c, 'echo "$1:$2" >> "$0"', %q, "{{target}}", '{{label "unit"}}']},
       pre_check: {http: {url: "%s/before-{{target}}"}}, post_check: {http: {url: "%s/after-{{target}}"}}}`,
		record, s.URL, s.URL), 6)
	treatment, err := f.Remediate(t.Context(), activities.RemediateInput{Service: "shops", Target: "b-4"}, fresh(t))
	require.NoError(t, err)
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	require.Equal(t, []string{"b-4:shop@b"}, written(record))
	require.Equal(t, map[string]int{"before-b-4": 1, "after-b-4": 1}, s.asked)

	s.close("before-c-2")
	treatment, err = f.Remediate(t.Context(), activities.RemediateInput{Service: "shops", Target: "c-2"}, fresh(t))
	require.NoError(t, err)
	require.Equal(t, health.Skipped, treatment.Effect)
	require.Equal(t, []string{"b-4:shop@b"}, written(record))

	_, err = f.Remediate(t.Context(), activities.RemediateInput{Service: "shops"}, fresh(t))
	require.ErrorIs(t, err, activities.ErrNotConfigured, "a step for a target needs one")
}

func TestStepThatDoesNotFitTheTarget(t *testing.T) {
	s := newStreet(t)
	f, _, _ := openShops(t, s, "", `{exec: {command: [/bin/echo, '{{label "rack"}}']}}`, 3)
	_, err := f.Remediate(t.Context(), activities.RemediateInput{Service: "shops", Target: "b-1"}, fresh(t))
	require.ErrorContains(t, err, "step 1 of shops/b-1: ")
	require.ErrorContains(t, err, "rack")
	var final activities.Final
	require.ErrorAs(t, err, &final)
	require.True(t, final.Final(), "trying again does not mend it")
}

func TestStepForTheServiceAsAWhole(t *testing.T) {
	s := newStreet(t)
	record := filepath.Join(t.TempDir(), "record")
	f, _, _ := openShops(t, s, "", fmt.Sprintf("{exec: {command: [/bin/sh, -c, 'echo acted >> $0', %q]}}", record), 3)
	for _, target := range []string{"", "a-0"} {
		treatment, err := f.Remediate(t.Context(), activities.RemediateInput{Service: "shops", Target: target}, fresh(t))
		require.NoError(t, err)
		require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	}
	require.Equal(t, []string{"acted", "acted"}, written(record))
}
