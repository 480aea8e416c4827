package main

import (
	"context"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// instructions are the commands that say something to the open incident of a
// service.
var instructions = []struct{ use, instruction, short, done string }{
	{"ack", workflows.Acknowledge, "Acknowledge the open incident of a service: a human owns it", "acknowledged"},
	{"unack", workflows.Unacknowledge, "Take an acknowledgement back: escalation and reminders go on", "acknowledgement taken back"},
	{"resolve", workflows.Resolve, "Close the open incident of a service by hand", "resolved"},
	{"retry", workflows.Retry, "Have the next attempt made now, within the limits; asks again for an approval that lapsed", "retried"},
	{"rearm", workflows.Rearm, "Give a service its budgets of restarts back", "re-armed"},
	{"approve", workflows.Approve, "Approve the step that waits for a human, in mode approve", "approved"},
}

func (a *app) instructCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, one := range instructions {
		var who author
		command := &cobra.Command{
			Use:   one.use + " SERVICE --by NAME",
			Short: one.short,
			Args:  exactlyOne,
			RunE: func(command *cobra.Command, args []string) error {
				return a.asked(command.Context(), who, args[0], func(s session, service config.Service) error {
					receipt, err := instruct(command.Context(), s, service.Name, one.instruction, who)
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

func instruct(ctx context.Context, s session, service, instruction string, who author) (operator.Receipt, error) {
	in := workflows.Instruction{By: who.by, Note: who.note}
	if instruction == workflows.Rearm {
		return s.Rearm(ctx, service, in)
	}
	return s.Instruct(ctx, service, instruction, in)
}

func (a *app) showReceipt(receipt operator.Receipt, done string) error {
	if a.json {
		return a.writeJSON(receipt)
	}
	if receipt.Pending {
		return a.printf("No worker answers. What %s says to the incident of %q is stored (%s) and takes effect when one runs again.\n",
			receipt.By, receipt.Service, receipt.Instruction)
	}
	name := receipt.Incident
	if name == "" {
		name = receipt.Service
	}
	return a.printf("%s %s by %s: %s\n", name, done, receipt.By, receipt.Text)
}
