package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyOperation;
import com.nimbusds.jose.jwk.RSAKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The events of a case, each verified before it is shown. */
final class EventLog {
    static final String EVENTS = "https://schema.fitko.de/fit-connect/events/";

    private static final String UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

    /** What the schema of the payload, 1.2.x, says about text claims. */
    private static final Map<String, String> RULES = Map.of(
            "$schema", "https://schema\\.fitko\\.de/fit-connect/set-payload/1\\.\\d+\\.\\d+/set-payload\\.schema\\.json",
            "jti", UUID,
            "iss", "https?://.+|" + UUID,
            "sub", "(submission|reply):" + UUID,
            "txn", "case:" + UUID);

    /** One event. */
    record Event(String kind, JsonNode payload, JsonNode claims) {}

    private final List<Event> events;

    private EventLog(List<Event> events) {
        this.events = events;
    }

    static EventLog read(Sandbox sandbox, Api api, String version, String caseId) throws Exception {
        String base = sandbox.text("submissionApiUrl");
        JsonNode log = api.get(base + "/" + version + "/cases/" + caseId + "/events?offset=0&limit=500")
                .expect(200, "event log")
                .json();
        List<Event> events = new ArrayList<>();
        for (JsonNode token : log.required("eventLog")) {
            events.add(verified(sandbox, api, version, token.asText()));
        }
        return new EventLog(events);
    }

    private static Event verified(Sandbox sandbox, Api api, String version, String compact) throws Exception {
        JWSObject token = JWSObject.parse(compact);
        JsonNode claims = Sandbox.JSON.readTree(token.getPayload().toString());
        String issuer = claims.required("iss").asText();
        String kid = token.getHeader().getKeyID();
        RSAKey key;
        if (issuer.startsWith("http")) {
            String keys = api.getWithoutToken(sandbox.text("jwksUrl")).expect(200, "key set").body();
            key = JWKSet.parse(keys).getKeyByKeyId(kid).toRSAKey();
        } else {
            String url = sandbox.text("submissionApiUrl") + "/" + version + "/destinations/" + issuer + "/keys/" + kid;
            key = JWK.parse(api.getWithoutToken(url).expect(200, "key").body()).toRSAKey();
            Crypto.checked(key, KeyOperation.VERIFY, "PS512");
        }
        if (!token.getHeader().getType().getType().equals("secevent+jwt")) {
            throw new AssertionError("an event is of type " + token.getHeader().getType());
        }
        Crypto.verify(token, key);
        for (var rule : RULES.entrySet()) {
            String claim = claims.path(rule.getKey()).asText();
            if (!claim.matches(rule.getValue())) {
                throw new AssertionError("claim " + rule.getKey() + " breaks the schema of the payload: " + claim);
            }
        }
        if (!claims.required("iat").isIntegralNumber() || claims.required("iat").asLong() < 1_577_833_200L) {
            throw new AssertionError("iat is " + claims.required("iat"));
        }
        var names = claims.required("events").fieldNames();
        String uri = names.next();
        if (names.hasNext() || !uri.startsWith(EVENTS)) {
            throw new AssertionError("not one event: " + claims.required("events"));
        }
        return new Event(uri.substring(EVENTS.length()), claims.required("events").required(uri), claims);
    }

    List<String> kinds() {
        return events.stream().map(Event::kind).toList();
    }

    /** The last event of this kind about this submission. */
    Event last(String kind, String submissionId) {
        return events.stream()
                .filter(event -> event.kind().equals(kind))
                .filter(event -> event.claims().required("sub").asText().equals("submission:" + submissionId))
                .reduce((first, second) -> second)
                .orElseThrow(() -> new AssertionError("no " + kind + " in " + kinds()));
    }
}
