package option_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

func TestHeaders(t *testing.T) {
	secret := option.NewSecret
	problems := option.Headers{
		Token: secret("a\nb"), Own: []string{"Host"},
		Headers: map[string]option.Secret{
			"X-Fine": secret("tab\tand ü"), "host": secret("x"), "Authorization": secret("x"), "a b": secret("x"),
			"X-Key": secret("hush\r\n"), "x-fine": secret("x"),
		},
	}.Check()
	require.Equal(t, option.Problems{
		{Path: "token", Text: "holds a line break or another control character"},
		{Path: "headers.Authorization", Text: "token already sets Authorization; keep one of the two"},
		{Path: "headers.X-Key", Text: "holds a line break or another control character"},
		{Path: "headers.a b", Text: `"a b" is not the name of a header`},
		{Path: "headers.host", Text: "Host is set by paramedic itself"},
		{Path: "headers.x-fine", Text: "is the same header as X-Fine"},
	}, problems)
	require.Empty(t, option.Headers{Headers: map[string]option.Secret{"Authorization": secret("x")}}.Check())
}

func TestAuthorities(t *testing.T) {
	pool, err := option.Authorities("")
	require.NoError(t, err)
	require.Nil(t, pool)
	_, err = option.Authorities("/no/such.pem")
	require.ErrorIs(t, err, os.ErrNotExist)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte("nothing"), 0o600))
	_, err = option.Authorities(file)
	require.EqualError(t, err, file+" holds no PEM certificate")
}
