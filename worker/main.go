// Command worker is paramedic's long-running process: it serves the workflows
// and activities, shows a status page, keeps its configuration in force, and,
// when no Temporal cluster is named, carries the Temporal server with it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/spf13/cobra"

	"paramedic/internal/patient"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, stop, os.Args, os.Stdout, os.Stderr))
}

// run is the whole program; its result is the exit status. It calls letGo once
// ctx has ended, so that a second Ctrl-C ends the process at once.
func run(ctx context.Context, letGo func(), args []string, stdout, stderr io.Writer) int {
	if patient.IsCommand(args[0]) {
		return patient.Command(ctx, args, stdout, stderr)
	}
	command := rootCommand(letGo, stdout, stderr)
	command.SetArgs(args[1:])
	if err := command.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return 1
	}
	return 0
}

// flags are the worker's options; the configuration file holds the rest.
type flags struct {
	config       string
	data         string
	host         string
	vantage      string
	agent        bool
	listen       string
	uiPort       int
	temporalPort int
	logJSON      bool
	verbose      bool
}

// vantageName is what the name of a vantage point may look like.
var vantageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// check refuses flags that cannot go together.
func (f flags) check() error {
	if f.agent && f.host == "" && f.vantage == "" {
		return errors.New("--agent serves only the queues of --host and --vantage: name one, as in --agent --host db1")
	}
	if f.vantage != "" && !vantageName.MatchString(f.vantage) {
		return fmt.Errorf("--vantage %q cannot name a vantage point; write letters, digits, dots, dashes and underscores, at most 63", f.vantage)
	}
	return nil
}

func rootCommand(letGo func(), stdout, stderr io.Writer) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:   "worker",
		Short: "Watch services and heal them, on Temporal",
		Long: "worker watches the services of its configuration and heals them.\n" +
			"Without TEMPORAL_ADDRESS or a profile it starts a Temporal server and its Web UI\n" +
			"in this process, on a SQLite file in the data directory.\n\n" +
			"SIGHUP or a changed file reloads the configuration, SIGTERM or Ctrl-C stops within\n" +
			"30 s, a second Ctrl-C at once.\n\n" +
			"Exit codes: 0 stopped as asked, 1 bad input or a part that could not do its work.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			return work(command.Context(), letGo, f, stdout, stderr)
		},
	}
	command.CompletionOptions.HiddenDefaultCmd = true
	options := command.PersistentFlags()
	options.StringVar(&f.config, "config", "paramedic.yml", "the configuration file")
	options.StringVar(&f.listen, "listen", "", "address of the status page and /healthz (default: http.listen of the configuration)")
	own := command.Flags()
	own.StringVar(&f.data, "data", "data", "directory of the embedded Temporal server, and of the store unless store.url names a server")
	own.StringVar(&f.host, "host", "", "also serve the task queue host/NAME: remedies that must run on this machine")
	own.BoolVar(&f.agent, "agent", false, "serve only the queues of --host and --vantage: no workflows, no schedules, no other probes")
	own.StringVar(&f.vantage, "vantage", "", "also serve the task queue vantage/NAME: probes of targets that must be made from here")
	own.IntVar(&f.uiPort, "ui-port", 8233, "port of the embedded Web UI")
	own.IntVar(&f.temporalPort, "temporal-port", 7233, "port of the embedded Temporal server")
	own.BoolVar(&f.logJSON, "log-json", false, "log in JSON")
	own.BoolVar(&f.verbose, "verbose", false, "log everything")
	command.SetOut(stdout)
	command.SetErr(stderr)
	command.AddCommand(healthcheckCommand(&f))
	return command
}
