package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"paramedic/internal/config"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration and name every mistake with its line",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.validate() },
	}
}

// validation is the answer of validate, for programs.
type validation struct {
	File     string         `json:"file"`
	Valid    bool           `json:"valid"`
	Services int            `json:"services"`
	Errors   []config.Error `json:"errors"`
}

func (a *app) validate() error {
	cfg, err := a.load()
	if a.json {
		answer := validation{File: a.configPath, Valid: err == nil, Errors: []config.Error{}}
		var mistakes config.Errors
		switch {
		case errors.As(err, &mistakes):
			answer.Errors = mistakes
		case err != nil:
			return err
		default:
			answer.Services = len(cfg.Services)
		}
		return errors.Join(a.writeJSON(answer), notGoodUnless(answer.Valid))
	}
	if err != nil {
		return err
	}
	return a.printf("%s is valid: %s\n", a.configPath, count(len(cfg.Services), "service"))
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Write the JSON Schema of the configuration, for editors",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			schema, err := config.Schema()
			if err != nil {
				return fmt.Errorf("write the schema: %w", err)
			}
			return a.printf("%s\n", schema)
		},
	}
}

func (a *app) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Show the configuration in force: defaults filled in, secrets masked",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.dump() },
	}
}

func (a *app) dump() error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	if !a.json {
		return cfg.WriteYAML(a.out)
	}
	var text bytes.Buffer
	if err := cfg.WriteYAML(&text); err != nil {
		return err
	}
	var tree any
	if err := yaml.Unmarshal(text.Bytes(), &tree); err != nil {
		return fmt.Errorf("write configuration as JSON: %w", err)
	}
	return a.writeJSON(tree)
}
