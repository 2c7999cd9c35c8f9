package stack

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// A Trillian that outlives Rekor v1 has its tree for the next start.
func TestRekor1_FindsItsTreeAgain(t *testing.T) {
	quiet()
	trees, err := trillianLog()
	if err != nil {
		t.Fatal(err)
	}
	defer trees.close()
	if id, err := firstTree(trees.address); id != 0 || err != nil {
		t.Fatalf("a new server has tree %d (%v)", id, err)
	}
	keys := keyring{t.TempDir()}
	if _, err := keys.ec("rekor1"); err != nil {
		t.Fatal(err)
	}
	log, err := rekor1(keys.path("rekor1"), "log.example", trees.address)
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	answer := httptest.NewRecorder()
	log.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/v1/log", nil))
	var info struct{ TreeID string }
	if err := json.Unmarshal(answer.Body.Bytes(), &info); err != nil {
		t.Fatalf("%v in %s", err, answer.Body)
	}
	id, err := firstTree(trees.address)
	if err != nil || id == 0 || strconv.FormatInt(id, 10) != info.TreeID {
		t.Errorf("tree %d (%v) will be used again, the log has %q", id, err, info.TreeID)
	}
	if _, err := rekor1(keys.path("rekor1"), "log.example", ""); err == nil {
		t.Error("a second log starts in this process")
	}
}
