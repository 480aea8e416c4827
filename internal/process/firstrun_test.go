package process

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shipped is the configuration of the first run, on ports of its own.
func shipped(t testing.TB) (configuration, patient string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), "paramedic.yml"))
	require.NoError(t, err)
	patient = freeAddress(t)
	require.Contains(t, string(text), "127.0.0.1:8099")
	return strings.ReplaceAll(string(text), "127.0.0.1:8099", patient), patient
}

// announcement is what the first run says when it is ready.
var announcement = regexp.MustCompile(`^Web UI +http://127\.0\.0\.1:\d+
Status +http://127\.0\.0\.1:\d+/ +health: http://127\.0\.0\.1:\d+/healthz
Patient +http://127\.0\.0\.1:\d+/health +hurt it: kill -9 (\d+) +or: curl -X POST http://(127\.0\.0\.1:\d+)/hurt
$`)

// story is what the terminal tells of an outage, line by line and no more.
var story = []string{
	`WRN patient: failure 1/3: .+`,
	`WRN patient: failure 2/3: .+`,
	`WRN patient: failure 3/3: .+`,
	`INF patient: incident patient@\S+ opened, severity P1`,
	`INF patient: attempt 1: run patient`,
	`INF patient: applied: patient succeeded in \S+ \| the patient is up again as process \d+`,
	`INF patient: (passes again after \d failed probes|verification passed: status 200)`,
	`INF patient: (passes again after \d failed probes|verification passed: status 200)`,
	`INF patient RECOVERED after \S+: .+ severity=P1 attempts=1 incident=patient@\S+`,
}

// The first thing that anybody sees: three lines, then, half a minute after
// the patient was hurt, the whole story of its outage.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	configuration, patient := shipped(t)
	place := newPlace(t, configuration)
	worker := place.start(t)
	require.Regexp(t, announcement, worker.stdout.String())
	require.Equal(t, http.StatusOK, status(t, "http://"+place.ui))
	require.Equal(t, http.StatusOK, status(t, "http://"+place.listen+"/"))
	worker.saying("patient: healthy: status 200")
	worker.eventually("/healthz to be good", func() bool { return status(t, "http://"+place.listen+"/healthz") == http.StatusOK })

	t.Run("killed", func(t *testing.T) {
		pid, err := strconv.Atoi(announcement.FindStringSubmatch(worker.stdout.String())[1])
		require.NoError(t, err)
		requireStory(t, worker, func() { require.NoError(t, syscall.Kill(pid, syscall.SIGKILL)) })
	})
	t.Run("hurt by HTTP", func(t *testing.T) {
		requireStory(t, worker, func() {
			answer, err := http.Post("http://"+patient+"/hurt", "", nil)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
		})
	})
	require.Regexp(t, announcement, worker.stdout.String(), "nothing more on standard output")
	incidents := place.starter(t, "incidents")
	require.Equal(t, 0, incidents.code, incidents.errors)
	require.Equal(t, 2, strings.Count(incidents.out, "healed"), incidents.out)
}

func requireStory(t *testing.T, worker *run, hurt func()) {
	t.Helper()
	before := len(worker.stderr.lines())
	began := time.Now()
	worker.sayingAgain("RECOVERED", hurt)
	require.Less(t, time.Since(began), 30*time.Second)
	told := worker.stderr.lines()[before:]
	require.Len(t, told, len(story), strings.Join(told, "\n"))
	for i, line := range told {
		require.Regexp(t, `^\d\d:\d\d:\d\d\.\d{3} `+story[i]+`$`, line)
	}
}

// status gets a page and returns the status of the answer, 0 without one.
func status(t testing.TB, url string) int {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return 0
	}
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}
