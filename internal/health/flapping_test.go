package health_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// results are those of a sequence of letters, oldest first: p passed, f failed.
func results(sequence string) (r health.Results) {
	for _, letter := range sequence {
		r = r.Add(letter == 'p')
	}
	return r
}

func TestResultsChanges(t *testing.T) {
	tests := map[string]struct {
		sequence string
		want     int
	}{
		"nothing":                    {"", 0},
		"one result has no change":   {"f", 0},
		"steady up":                  {strings.Repeat("p", 21), 0},
		"steady down":                {strings.Repeat("f", 21), 0},
		"one outage":                 {strings.Repeat("p", 10) + "fff" + strings.Repeat("p", 8), 10},
		"one failed probe":           {strings.Repeat("p", 10) + "f" + strings.Repeat("p", 10), 10},
		"down for good":              {strings.Repeat("p", 15) + "ffffff", 5},
		"21 results have 20 changes": {strings.Repeat("pf", 10) + "p", 100},
		"and no more":                {strings.Repeat("pf", 50), 100},
		// The example of Nagios' documentation: 7 changes are 35 %.
		"seven changes":                         {"ppp" + "fff" + "pppp" + "f" + "ppp" + "f" + "pp" + "ffff", 35},
		"every second pair":                     {"ppffppffppffppffppffp", 50},
		"what has fallen out is forgotten":      {"pfpfpfpf" + strings.Repeat("p", 21), 0},
		"the oldest result has only one change": {"f" + strings.Repeat("p", 20), 5},
		"a new service, fewer than 21":          {"pf", 5},
		"a new service that alternates":         {"pfpfpf", 25},
		"the unseen is no change":               {"ffffff", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, results(test.sequence).Changes()) })
	}
}

// TestResultsAgainstCounting: the bits say what counting letters says.
func TestResultsAgainstCounting(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		letters := make([]byte, random.IntN(3*health.FlapWindow))
		for i := range letters {
			letters[i] = "pf"[random.IntN(2)]
		}
		window := letters[max(0, len(letters)-health.FlapWindow):]
		changes := 0
		for i := 1; i < len(window); i++ {
			if window[i] != window[i-1] {
				changes++
			}
		}
		r := results(string(letters))
		require.Equal(t, changes*100/20, r.Changes(), "%s", letters)
		require.Equal(t, len(window), r.Count)
		require.Less(t, r.Bits, uint32(1)<<health.FlapWindow)
	}
}

// TestFlappingHysteresis: it begins above the high threshold, ends below the
// low one, and in between stays what it was.
func TestFlappingHysteresis(t *testing.T) {
	sequences := map[int]string{ // by changes, in percent
		20: "pfpfp", 25: "pfpfpf", 30: "pfpfpfp", 35: "pfpfpfpf",
	}
	for changes, sequence := range sequences {
		r := results(strings.Repeat("p", 21-len(sequence)) + sequence)
		require.Equal(t, changes, r.Changes())
		require.Equal(t, changes > health.FlapHigh, r.Flapping(false, health.FlapLow, health.FlapHigh), "begins at %d %%", changes)
		require.Equal(t, changes >= health.FlapLow, r.Flapping(true, health.FlapLow, health.FlapHigh), "goes on at %d %%", changes)
	}
}

func TestFlappingThresholds(t *testing.T) {
	alternating, steady := results(strings.Repeat("pf", 11)), results(strings.Repeat("f", 21))
	require.False(t, alternating.Flapping(false, 25, 0), "nobody wants to know")
	require.False(t, alternating.Flapping(true, 25, 0), "nor any more")
	require.False(t, steady.Flapping(true, 0, 30), "a low threshold of zero lets it end")
	require.True(t, results("pf").Flapping(true, 0, 30), "but not before it holds still")
	require.False(t, alternating.Flapping(false, 25, 100), "nothing is above 100 %")
	half := results("ppffppffppffppffppffp")
	require.True(t, half.Flapping(false, 80, 40))
	require.True(t, half.Flapping(true, 80, 40), "it does not end where it begins")
}

// TestFlappingStory: a service that begins to alternate flaps from its seventh
// change on, and ceases to once the window holds fewer than five.
func TestFlappingStory(t *testing.T) {
	sequence := strings.Repeat("p", 30) + strings.Repeat("fp", 10) + strings.Repeat("p", 30)
	r, flapping := health.Results{}, false
	var turns []int
	for i, letter := range sequence {
		r = r.Add(letter == 'p')
		if now := r.Flapping(flapping, health.FlapLow, health.FlapHigh); now != flapping {
			flapping, turns = now, append(turns, i)
		}
	}
	// The changes lie before the results 30 to 49. When result i is the latest,
	// the window has those before i-19 to i: fewer than five for i = 65.
	require.Equal(t, []int{36, 65}, turns)
}

// TestOneOutageDoesNotFlap: not even in a service that has just been set up,
// nor one that comes and goes once.
func TestOneOutageDoesNotFlap(t *testing.T) {
	for length := range 40 {
		for _, before := range []int{0, 1, 5, 30} {
			sequence := strings.Repeat("p", before) + strings.Repeat("f", length) + "pp" + "f" + strings.Repeat("p", 30)
			var r health.Results
			for _, letter := range sequence {
				r = r.Add(letter == 'p')
				require.False(t, r.Flapping(false, health.FlapLow, health.FlapHigh), sequence)
			}
		}
	}
}

// TestResultsAreSmall: one watch hands them to the next.
func TestResultsAreSmall(t *testing.T) {
	text, err := json.Marshal(results(strings.Repeat("p", 100)))
	require.NoError(t, err)
	require.JSONEq(t, `{"bits": 2097151, "count": 21}`, string(text))
	text, err = json.Marshal(health.Results{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(text))
}
