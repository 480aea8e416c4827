package main

import (
	"context"

	"github.com/spf13/cobra"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// instructions are the commands that say something to the open incident of a
// service or of one of its targets.
var instructions = []struct{ use, instruction, short, done string }{
	{"ack", workflows.Acknowledge, "Acknowledge the open incident of a service or target: a human owns it", "acknowledged"},
	{"unack", workflows.Unacknowledge, "Take an acknowledgement back: escalation and reminders go on", "acknowledgement taken back"},
	{"resolve", workflows.Resolve, "Close the open incident of a service or target by hand", "resolved"},
	{"retry", workflows.Retry, "Have the next attempt made now, within the limits; asks again for an approval that lapsed", "retried"},
	{"rearm", workflows.Rearm, "Give a service or target its budgets of restarts back", "re-armed"},
	{"approve", workflows.Approve, "Approve the step that waits for a human, in mode approve", "approved"},
}

const instructed = `SERVICE alone means the incident of the service as a whole; SERVICE/TARGET, like
shops/10.0.0.1:80, that of one of its targets.`

func (a *app) instructCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, one := range instructions {
		var who author
		command := &cobra.Command{
			Use:   one.use + " SERVICE[/TARGET] --by NAME",
			Short: one.short,
			Long:  one.short + ".\n\n" + instructed,
			Args:  exactlyOne,
			RunE: func(command *cobra.Command, args []string) error {
				return a.withIncident(command.Context(), who, args[0], func(s session) error {
					receipt, err := instruct(command.Context(), s, args[0], one.instruction, who)
					if err != nil {
						return err
					}
					return a.showReceipt(receipt, one.done)
				})
			},
		}
		who.flags(command, true)
		commands = append(commands, command)
	}
	return commands
}

func instruct(ctx context.Context, s session, name, instruction string, who author) (operator.Receipt, error) {
	in := workflows.Instruction{By: who.by, Note: who.note}
	if instruction == workflows.Rearm {
		return s.Rearm(ctx, name, in)
	}
	return s.Instruct(ctx, name, instruction, in)
}

func (a *app) showReceipt(receipt operator.Receipt, done string) error {
	if a.json {
		return a.writeJSON(receipt)
	}
	if receipt.Pending {
		return a.printf("No worker answers. What %s says to the incident of %q is stored (%s) and takes effect when one runs again.\n",
			receipt.By, health.TargetID(receipt.Service, receipt.Target), receipt.Instruction)
	}
	name := receipt.Incident
	if name == "" {
		name = health.TargetID(receipt.Service, receipt.Target)
	}
	return a.printf("%s %s by %s: %s\n", name, done, receipt.By, receipt.Text)
}
