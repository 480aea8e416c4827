package browser

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

const (
	// soon is how long a condition may take on a busy machine; poll is the pause
	// between two looks.
	soon = 60 * time.Second
	poll = 50 * time.Millisecond
)

// screen is the size of a page's view, in pixels of CSS.
type screen struct{ width, height int64 }

var (
	desktop = screen{1280, 900}
	phone   = screen{360, 740}
)

// chromium is one headless browser, which ends with its test.
type chromium struct {
	t   testing.TB
	ctx context.Context
}

// launch starts a browser that has never been anywhere.
func launch(t testing.TB) *chromium {
	t.Helper()
	path := realtest.Binary(t, "chromium", "apt-get install chromium fonts-dejavu-core")
	profile, err := os.MkdirTemp("", "paramedic-chromium-")
	require.NoError(t, err)
	// Its processes may write for a moment after it has ended, so that
	// t.TempDir would fail to remove it.
	t.Cleanup(func() { eventually(t, "the profile is removed", func() bool { return os.RemoveAll(profile) == nil }) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		// What would leave the machine does not get far, and fails the test.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, end := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(end)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	require.NoError(t, chromedp.Do(ctx), "start Chromium")
	return &chromium{t: t, ctx: ctx}
}

// eventually waits for a condition, and fails the test if it does not come.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for deadline := time.Now().Add(soon); !condition(); <-tick.C {
		require.True(t, time.Now().Before(deadline), "in vain for %s: %s", soon, what)
	}
}
