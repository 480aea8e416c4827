package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the messages of testdata/bad as they are now")

// Every file in testdata/bad holds the mistake that its name says, and the
// text beside it the whole answer.
func TestBadConfigurations(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			config, err := read(path, string(text))
			require.Nil(t, config)
			var mistakes Errors
			require.ErrorAs(t, err, &mistakes)
			for _, m := range mistakes {
				require.Contains(t, m.Text, ";", "it also says what would be right")
			}
			golden := strings.TrimSuffix(path, ".yml") + ".txt"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), mistakes.Error()+"\n")
		})
	}
}
