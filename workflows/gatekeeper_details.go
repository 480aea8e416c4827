package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"
)

// detailsLimit bounds the lines of the page.
const detailsLimit = 50

// describe writes where things stand for the Web UI.
func (g *gatekeeper) describe(ctx workflow.Context) {
	var page strings.Builder
	fmt.Fprintf(&page, "**%d of %d permits** to restart are out, %d services wait for one, %d of %d are down\n\n",
		len(g.out), g.Limits.ConcurrentRestarts, len(g.Queue), g.countDown(), g.Limits.Services)
	left := detailsLimit
	list := func(names []string, line func(string, *Account) string) {
		for i, service := range names {
			if left--; left == 0 {
				fmt.Fprintf(&page, "- and %d more\n", len(names)-i)
			}
			if left <= 0 {
				return
			}
			page.WriteString("- " + line(service, g.Accounts[service]) + "\n")
		}
	}
	list(g.out, func(service string, a *Account) string {
		return service + " has a permit, at the latest until " + stamp(a.Permit)
	})
	list(g.Queue, func(service string, a *Account) string {
		if a.Woken.IsZero() {
			return service + " waits"
		}
		return service + " was told that its turn has come, at " + stamp(a.Woken)
	})
	list(g.down, func(service string, a *Account) string {
		return service + " is down: incident " + a.Incident
	})
	workflow.SetCurrentDetails(ctx, page.String())
}
