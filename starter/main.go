// Command starter is the operator's side of paramedic: it checks and applies
// the configuration, shows what is going on, and passes on what people decide.
// It needs to reach Temporal, never the services or the workers themselves.
//
// Exit codes: 0 all is good, 1 bad input or something is not healthy,
// 2 Temporal cannot be reached.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"paramedic/internal/operator"
)

// The exit codes.
const (
	exitGood        = 0
	exitBad         = 1
	exitUnreachable = 2
)

// errNotGood is the end of a command that worked and found something that is
// not healthy. It was shown already and needs no message.
var errNotGood = errors.New("not healthy")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{out: stdout}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errNotGood):
		return exitBad
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "interrupted")
		return exitBad
	}
	fmt.Fprintln(stderr, err)
	if unreachable := (operator.Unreachable{}); errors.As(err, &unreachable) {
		return exitUnreachable
	}
	return exitBad
}

// app is what the commands share.
type app struct {
	out io.Writer
	// configPath, address and json are the flags of every command.
	configPath string
	address    string
	json       bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "starter",
		Short:         "Check, apply and operate paramedic",
		SilenceUsage:  true,
		SilenceErrors: true,
		Long: `starter checks and applies the configuration of paramedic, shows what is going
on, and passes on what you decide.

Exit codes: 0 all is good, 1 bad input or something is not healthy,
2 Temporal cannot be reached.`,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.InitDefaultHelpFlag() // else cobra takes what follows --help for its value
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", "paramedic.yml", "the configuration file")
	flags.StringVar(&a.address, "address", "", "host:port of Temporal (default: temporal.address, TEMPORAL_ADDRESS, "+operator.DefaultAddress+")")
	flags.BoolVar(&a.json, "json", false, "write JSON for programs")
	root.AddCommand(
		a.validateCommand(), a.schemaCommand(), a.configCommand(), a.applyCommand(),
		a.statusCommand(), a.targetsCommand(), a.probeCommand(),
		a.incidentsCommand(), a.incidentCommand(), a.reportCommand(),
		a.pauseCommand(), a.resumeCommand(), a.probeNowCommand(),
		a.modeCommand(), a.maintainCommand(), a.silenceCommand(),
		a.deadLettersCommand(), a.permitsCommand(), a.secretCommand(),
		a.versionCommand(),
	)
	root.AddCommand(a.instructCommands()...)
	return root
}

// exactlyOne checks the arguments of a command about one thing, and shows how
// it is written.
func exactlyOne(command *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments, and one is needed: %s", len(args), command.UseLine())
	}
	return nil
}
