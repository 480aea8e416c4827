package operator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseDeadLetter(t *testing.T) {
	receiver, id, err := ParseDeadLetter("ops/17")
	require.NoError(t, err)
	require.Equal(t, []string{"ops", "17"}, []string{receiver, id})
	for _, name := range []string{"", "/", "ops", "ops/", "/17"} {
		_, _, err := ParseDeadLetter(name)
		require.EqualError(t, err, `"`+name+`" names no dead letter; write it as the list shows it, RECEIVER/ID`, name)
	}
}
