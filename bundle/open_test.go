package bundle

import (
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestOpen_SaysWhatIsWrongWithTheFormThatItIs(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       check.Check
	}{
		{"legacy without signature", `{"base64Signature":"","cert":""}`, check.Content},
		{"legacy with a second value", `{"base64Signature":"AA=="} {}`, check.Parse},
		{"newer bundle", `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.9+json"}`, check.Version},
		{"neither", `{}`, check.Version},
	} {
		if _, err := Open([]byte(test.data)); check.Of(err) != test.want {
			t.Errorf("%s: got %v, want check %s", test.name, err, test.want)
		}
	}
	b, err := Open([]byte(`{"base64Signature":"MEU="}`))
	if err != nil || b.Version != V01 || b.PublicKey == nil {
		t.Errorf("got %+v, %v, want a legacy bundle for a key", b, err)
	}
}
