package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"
)

// What http.access takes of passwords and their hashes.
const (
	shortestPassword = 12
	longestPassword  = 72 // bytes; bcrypt reads no more
	cheapestHash     = 10
	costliestHash    = 14
	// usualCost takes a quarter of a second to guess once.
	usualCost = 12
)

func (a *app) secretCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "secret",
		Short: "Make what http.access of the configuration needs: tokens and password hashes",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(a.secretTokenCommand(), a.secretPasswordCommand())
	return command
}

func (a *app) secretTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "Make a new random token, and its SHA-256 for the configuration",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.newToken() },
	}
}

// newToken writes a token of 256 random bits. Its beginning tells what it is
// for, to people and to those who look for leaked secrets.
func (a *app) newToken() error {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	token := "paramedic_" + base64.RawURLEncoding.EncodeToString(random)
	sum := sha256.Sum256([]byte(token))
	made := struct {
		Token  string `json:"token"`
		SHA256 string `json:"sha256"`
	}{token, hex.EncodeToString(sum[:])}
	if a.json {
		return a.writeJSON(made)
	}
	return a.printf("token:  %s\nsha256: %s\n\nGive the token to whoever asks, and write the sha256 under http.access.tokens.\nThe token is shown this once.\n", made.Token, made.SHA256)
}

func (a *app) secretPasswordCommand() *cobra.Command {
	cost := usualCost
	command := &cobra.Command{
		Use:   "password",
		Short: "Ask for a password and write its bcrypt hash for the configuration",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if cost < cheapestHash || cost > costliestHash {
				return fmt.Errorf("--cost %d: choose %d to %d", cost, cheapestHash, costliestHash)
			}
			password, err := readPassword(command.Context(), command.InOrStdin(), command.ErrOrStderr())
			if err != nil {
				return err
			}
			return a.hashPassword(password, cost)
		},
	}
	command.Flags().IntVar(&cost, "cost", usualCost, fmt.Sprintf("how costly a guess is, %d to %d; each step doubles it", cheapestHash, costliestHash))
	return command
}

func (a *app) hashPassword(password string, cost int) error {
	switch {
	case len([]rune(password)) < shortestPassword:
		return fmt.Errorf("the password is shorter than %d characters; choose a longer one", shortestPassword)
	case len(password) > longestPassword:
		return fmt.Errorf("the password is longer than %d bytes, and bcrypt would ignore the rest; choose a shorter one", longestPassword)
	case strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("the password holds a control character, which cannot be typed into a browser; choose another")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	if a.json {
		return a.writeJSON(map[string]string{"bcrypt": string(hash)})
	}
	return a.printf("bcrypt: %s\n", hash)
}

// readPassword asks at a terminal, twice and without echo, or else reads one
// line.
func readPassword(ctx context.Context, in io.Reader, prompts io.Writer) (string, error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	first, err := ask(ctx, file, prompts, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask(ctx, file, prompts, "Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two differ; try again")
	}
	return first, nil
}

// ask reads a line from a terminal without echo. When ctx ends, the terminal is
// put back as it was; what still reads from it ends with the process.
func ask(ctx context.Context, terminal *os.File, prompts io.Writer, prompt string) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	fmt.Fprint(prompts, prompt)
	type line struct {
		text []byte
		err  error
	}
	lines := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		lines <- line{text, err}
	}()
	defer fmt.Fprintln(prompts)
	select {
	case read := <-lines:
		if read.err != nil {
			return "", fmt.Errorf("read the password: %w", read.err)
		}
		return string(read.text), nil
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
