package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.nimbusds.jose.Algorithm;
import com.nimbusds.jose.JWEAlgorithm;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyOperation;
import com.nimbusds.jose.jwk.RSAKey;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;

/**
 * A client on the libraries of the official Java SDK (OkHttp, Nimbus, Jackson), not on the SDK itself. Runs every scenario and prints
 * one PASS or FAIL line for each.
 *
 * <p>Arguments: path of {@code sandbox.json}, path of an example that is valid against the schema of the sandbox's service, API
 * versions. With {@code -Dauthority=DIR} the sandbox trusts the root that {@link Authority} left in DIR, and only what is about
 * keys and their chains is run.
 */
public final class Scenarios {
    private final Sandbox sandbox;
    private final String version;
    private final byte[] example;

    private final Authority authority;

    private Scenarios(Sandbox sandbox, String version, byte[] example, Authority authority) {
        this.authority = authority;
        this.sandbox = sandbox;
        this.version = version;
        this.example = example;
    }

    private interface Scenario {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        Sandbox sandbox = new Sandbox(Path.of(arguments[0]));
        byte[] example = Files.readAllBytes(Path.of(arguments[1]));
        String dir = System.getProperty("authority");
        Authority authority = dir == null ? null : Authority.load(Path.of(dir));
        boolean failed = false;
        String client = sandbox.caFile() == null ? "Java" : "Java over TLS";
        for (String version : Arrays.asList(arguments).subList(2, arguments.length)) {
            for (var scenario : new Scenarios(sandbox, version, example, authority).all().entrySet()) {
                failed |= !passes(client + " (" + version + "): " + scenario.getKey(), scenario.getValue());
            }
        }
        System.exit(failed ? 1 : 0);
    }

    private static boolean passes(String name, Scenario scenario) {
        long started = System.nanoTime();
        try {
            scenario.run();
        } catch (Exception | AssertionError fault) {
            System.out.println("FAIL " + name + ": " + fault);
            fault.printStackTrace();
            return false;
        }
        System.out.printf("PASS %s (%.1f s)%n", name, (System.nanoTime() - started) / 1e9);
        return true;
    }

    private Map<String, Scenario> all() {
        Map<String, Scenario> all = new LinkedHashMap<>();
        if (authority != null) {
            all.put("makes a destination whose keys have chains, sends XML, rotates its key", this::rotated);
            all.put("keys that vouch for themselves or lead elsewhere are refused", this::strangers);
            return all;
        }
        all.put("routes to the destination", this::routes);
        all.put("sends with attachments, receives, accepts", this::accepted);
        all.put("sends an attachment of 12 MB in fragments", this::fragmented);
        all.put("uploads twelve attachments, four at a time", this::many);
        all.put("is rejected with two problems", this::rejected);
        all.put("a forged event is refused", this::forged);
        all.put("makes a destination, sends XML, rotates its key", this::rotated);
        all.put("bad input is answered with problem documents", this::refused);
        return all;
    }

    static void equal(Object actual, Object expected, String what) {
        if (!Objects.equals(actual, expected)) {
            throw new AssertionError(what + ": expected " + expected + ", got " + actual);
        }
    }

    private Sender.Draft draft() {
        return new Sender.Draft(
                sandbox.text("destinationId"), sandbox.text("service"), sandbox.text("dataSchemaUri"), "application/json", example,
                "DE" + sandbox.text("region"));
    }

    private Sender sender() throws Exception {
        return new Sender(sandbox, version);
    }

    private Subscriber subscriber() throws Exception {
        return new Subscriber(sandbox, version, sandbox.destination());
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private void routes() throws Exception {
        Api api = sender().api;
        String service = sandbox.text("service");
        String leika = service.substring(service.lastIndexOf(':') + 1);
        String base = sandbox.text("routingApiUrl") + "/" + version;
        JsonNode areas = api.getWithoutToken(base + "/areas?areaSearchexpression=Wiesbaden&offset=0&limit=100")
                .expect(200, "areas")
                .json()
                .required("areas");
        String area = areas.required(0).required("id").asText();
        for (String query : new String[] {"ars=" + sandbox.text("region"), "areaId=" + area}) {
            JsonNode routes = api.getWithoutToken(base + "/routes?leikaKey=" + leika + "&" + query + "&offset=0&limit=100")
                    .expect(200, "routes")
                    .json()
                    .required("routes");
            JsonNode route = null;
            for (JsonNode found : routes) {
                route = found.required("destinationId").asText().equals(sandbox.text("destinationId")) ? found : route;
            }
            JWSObject signature = JWSObject.parse(Objects.requireNonNull(route, "no route by " + query)
                    .required("destinationSignature")
                    .asText());
            String keys = api.getWithoutToken(sandbox.text("portalUrl") + "/.well-known/jwks.json").expect(200, "keys").body();
            RSAKey key = JWKSet.parse(keys).getKeyByKeyId(signature.getHeader().getKeyID()).toRSAKey();
            Crypto.verify(signature, key);
            JsonNode claims = Sandbox.JSON.readTree(signature.getPayload().toString());
            equal(claims.required("destinationId").asText(), sandbox.text("destinationId"), "signed destination");
            equal(claims.required("iss").asText(), sandbox.text("portalUrl"), "issuer");
            URI address = URI.create(sandbox.text("submissionApiUrl"));
            equal(claims.required("submissionHost").asText(), address.getAuthority(), "submissionHost");
            equal(signature.getHeader().getType().getType(), "jwt", "typ");
            String addressed = claims.required("services").toString();
            equal(addressed.contains("\"" + service + "\""), true, "the signed services hold the one asked for");
            String signedArea = "schluessel:rs:" + sandbox.text("region");
            equal(addressed.contains(signedArea), true, "the signed areas hold the one asked for");
        }
    }

    private void accepted() throws Exception {
        Subscriber subscriber = subscriber();
        List<Sender.File> files =
                List.of(new Sender.File("eins.pdf", bytes(2_000), 1), new Sender.File("zwei.pdf", bytes(3_000_000), 1));
        Sender sender = sender();
        Sender.Sent sent = sender.send(draft(), files);
        equal(subscriber.waiting().contains(sent.submissionId()), true, "listed");
        Subscriber.Received received = subscriber.receive(sent.submissionId());
        equal(received.metadata(), sent.metadata(), "metadata");
        equal(received.tags(), sent.tags(), "tags");
        equal(Arrays.equals(received.data(), example), true, "data");
        if (version.equals("v2")) {
            equal(received.submission().path("region").asText(), draft().region(), "region");
        }
        for (int at = 0; at < files.size(); at++) {
            equal(Arrays.equals(received.files().get(at), files.get(at).content()), true, "attachment");
        }
        subscriber.accept(received);
        equal(subscriber.waiting().contains(sent.submissionId()), false, "still listed");
        EventLog log = EventLog.read(sandbox, sender.api, version, sent.caseId());
        equal(log.kinds().subList(0, 2), List.of("create-submission", "submit-submission"), "first events");
        JsonNode tags = log.last("accept-submission", sent.submissionId()).payload().required("authenticationTags");
        equal(tags, sent.tags(), "accepted tags");
    }

    private void many() throws Exception {
        List<Sender.File> files = new ArrayList<>();
        for (int at = 0; at < 12; at++) {
            files.add(new Sender.File(at + ".pdf", bytes(50_000 + at), 1));
        }
        Sender.Sent sent = sender().send(draft(), files);
        Subscriber subscriber = subscriber();
        Subscriber.Received received = subscriber.receive(sent.submissionId());
        for (int at = 0; at < files.size(); at++) {
            equal(Arrays.equals(received.files().get(at), files.get(at).content()), true, "attachment " + at);
        }
        subscriber.accept(received);
    }

    private void fragmented() throws Exception {
        Sender.File large = new Sender.File("gross.pdf", bytes(12_000_000), 5);
        Sender.Sent sent = sender().send(draft(), List.of(large, new Sender.File("klein.pdf", bytes(10), 1)));
        Subscriber subscriber = subscriber();
        Subscriber.Received received = subscriber.receive(sent.submissionId());
        equal(received.submission().required("attachments").size(), 6, "parts");
        equal(Arrays.equals(received.files().get(0), large.content()), true, "joined file");
        subscriber.accept(received);
    }

    private static ObjectNode problem(String slug, String instance) {
        return Sandbox.JSON.createObjectNode()
                .put("type", "https://schema.fitko.de/fit-connect/events/problems/" + slug)
                .put("title", "Schema-Fehler")
                .put("detail", "Ein Wert fehlt.")
                .put("instance", instance);
    }

    private void rejected() throws Exception {
        Sender sender = sender();
        Sender.Sent sent = sender.send(draft(), List.of());
        Subscriber subscriber = subscriber();
        Subscriber.Received received = subscriber.receive(sent.submissionId());
        JsonNode payload =
                subscriber.reject(received, List.of(problem("schema-violation", "data"), problem("missing-schema", "metadata")));
        EventLog log = EventLog.read(sandbox, sender.api, version, sent.caseId());
        equal(log.last("reject-submission", sent.submissionId()).payload(), payload, "event");
    }

    private void forged() throws Exception {
        Sender.Sent sent = sender().send(draft(), List.of());
        Subscriber subscriber = subscriber();
        Subscriber.Received received = subscriber.receive(sent.submissionId());
        RSAKey own = sandbox.destination().signing();
        RSAKey other = new RSAKey.Builder(Crypto.make(KeyOperation.SIGN, JWSAlgorithm.PS512)).keyID(own.getKeyID()).build();
        ObjectNode payload = Sandbox.JSON.createObjectNode();
        payload.putObject("authenticationTags").put("metadata", "AAAAAAAAAAAAAAAAAAAAAA").put("data", "AAAAAAAAAAAAAAAAAAAAAA");
        ObjectNode good = Sandbox.JSON.createObjectNode();
        good.set("authenticationTags", received.tags());
        Map<String, String> forged = Map.of(
                "another key", Subscriber.sign(subscriber.claims(received, "accept-submission", good), other),
                "other tags", Subscriber.sign(subscriber.claims(received, "accept-submission", payload), own),
                "no event of ours", Subscriber.sign(subscriber.claims(received, "delete-submission", good), own));
        for (var token : forged.entrySet()) {
            Api.Answer answer = subscriber.post(received, token.getValue());
            equal(List.of(400, 403, 422).contains(answer.status()), true, token.getKey() + " was answered " + answer.status());
            answer.refused(answer.status(), token.getKey());
        }
        subscriber.accept(received);
    }

    private static String shown(RSAKey key) {
        return key.toPublicJWK().toJSONString();
    }

    private RSAKey key(KeyOperation operation, Algorithm algorithm) throws Exception {
        return authority == null ? Crypto.make(operation, algorithm) : authority.issue(operation, algorithm);
    }

    private String destinations() {
        return sandbox.text("destinationApiUrl") + "/" + version + "/destinations";
    }

    private ObjectNode description(String schema, RSAKey encryption, RSAKey signing) throws Exception {
        ObjectNode body = Sandbox.JSON.createObjectNode().put("name", "Interop").put("encryptionKid", encryption.getKeyID());
        body.putObject("contactInformation")
                .put("legalName", "Interop")
                .put("address", "Beispielweg 1, 12345 Beispielstadt")
                .put("phone", "+49 30 23125 100")
                .put("email", "interop@example.org");
        ObjectNode service = body.putArray(version.equals("v1") ? "services" : "publicServices").addObject();
        service.put("identifier", sandbox.text("service")).putArray("regions").add("DE" + sandbox.text("region"));
        service.putArray("submissionSchemas").addObject().put("schemaUri", schema).put("mimeType", "application/xml");
        body.set("encryptionPublicKey", Sandbox.JSON.readTree(shown(encryption)));
        body.set("signingPublicKey", Sandbox.JSON.readTree(shown(signing)));
        body.putArray("metadataVersions").add("1.5.0").add("2.1.0");
        return body;
    }

    private void rotated() throws Exception {
        Api api = subscriber().api;
        RSAKey signing = key(KeyOperation.VERIFY, JWSAlgorithm.PS512);
        RSAKey first = key(KeyOperation.WRAP_KEY, JWEAlgorithm.RSA_OAEP_256);
        RSAKey second = key(KeyOperation.WRAP_KEY, JWEAlgorithm.RSA_OAEP_256);
        String base = destinations();
        String xml = "https://schema.example.org/hundesteuer/1.0.0/hundesteuer.xsd";
        ObjectNode body = description(xml, first, signing);
        JsonNode made = api.send("POST", base, Api.JSON, body.toString()).expect(201, "create").json();
        String id = made.required("destinationId").asText();
        api.send("PATCH", base + "/" + id, Api.MERGE_PATCH, "{\"status\":\"active\"}").expect(200, "activate");

        byte[] data = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<hundesteuer><hund>Größe</hund></hundesteuer>\n"
                .getBytes(StandardCharsets.UTF_8);
        Sender.Draft draft = new Sender.Draft(id, sandbox.text("service"), xml, "application/xml", data, null);
        passOn(draft, new Sandbox.Destination(id, first, signing));
        if (authority != null) {
            authority.check(sender().encryptionKey(id));
        }
        // Sealed for the older key, fetched when the newer one is in use.
        Sender.Sent underWay = sender().send(draft, List.of());

        api.send("POST", base + "/" + id + "/keys", Api.JSON, shown(second)).expect(201, "add a key");
        api.send("PATCH", base + "/" + id, Api.MERGE_PATCH, "{\"encryptionKid\":\"" + second.getKeyID() + "\"}")
                .expect(200, "rotate");
        passOn(draft, new Sandbox.Destination(id, second, signing));
        Subscriber older = new Subscriber(sandbox, version, new Sandbox.Destination(id, first, signing));
        older.accept(older.receive(underWay.submissionId()));
        // The older key stays readable for what is under way.
        api.getWithoutToken(base + "/" + id + "/keys/" + first.getKeyID()).expect(200, "the older key");
        api.send("PATCH", base + "/" + id, Api.MERGE_PATCH, "{\"status\":\"inactive\"}").expect(200, "deactivate");
        Sender sender = sender();
        sender.api.send("POST", sender.url("/submissions"), Api.JSON, sender.announcement(draft, List.of()).toString())
                .refused(422, "announcing to an inactive destination");
    }

    private void strangers() throws Exception {
        Api api = subscriber().api;
        RSAKey signing = key(KeyOperation.VERIFY, JWSAlgorithm.PS512);
        Map<String, RSAKey> strangers = Map.of(
                "self-signed", Crypto.make(KeyOperation.WRAP_KEY, JWEAlgorithm.RSA_OAEP_256),
                "another root", Authority.make().issue(KeyOperation.WRAP_KEY, JWEAlgorithm.RSA_OAEP_256));
        for (var stranger : strangers.entrySet()) {
            ObjectNode body = description("https://schema.example.org/a.xsd", stranger.getValue(), signing);
            JsonNode problem =
                    api.send("POST", destinations(), Api.JSON, body.toString()).refused(400, stranger.getKey());
            equal(problem.at("/findings/0/at").asText(), "/encryptionPublicKey/x5c", stranger.getKey());
        }
    }

    private void passOn(Sender.Draft draft, Sandbox.Destination destination) throws Exception {
        Sender.Sent sent = sender().send(draft, List.of());
        Subscriber subscriber = new Subscriber(sandbox, version, destination);
        Subscriber.Received received = subscriber.receive(sent.submissionId());
        equal(Arrays.equals(received.data(), draft.data()), true, "data");
        subscriber.accept(received);
    }

    private void refused() throws Exception {
        Sender sender = sender();
        Sender.Draft draft = draft();
        String submissions = sender.url("/submissions");
        ObjectNode otherService = sender.announcement(
                new Sender.Draft(draft.destinationId(), "urn:de:fim:leika:leistung:99000000000000", "", "", example, null), List.of());
        Api.Answer unoffered = sender.api.send("POST", submissions, Api.JSON, otherService.toString());
        equal(unoffered.status() >= 400 && unoffered.status() < 500, true, "a service that is not offered: " + unoffered.status());
        unoffered.refused(unoffered.status(), "a service that is not offered");
        sender.api.send("POST", submissions, Api.JSON, "{").refused(400, "no JSON");
        sender.api.getWithoutToken(sender.url("/submissions")).refused(401, "no token");
        sender.api.get(sender.url("/cases/" + UUID.randomUUID() + "/events")).refused(404, "no such case");
        subscriber().api.get(sender.url("/submissions/" + UUID.randomUUID())).refused(404, "no such submission");
        String id = UUID.randomUUID().toString();
        JsonNode announced = sender.api
                .send("POST", submissions, Api.JSON, sender.announcement(draft, List.of(id)).toString())
                .expect(201, "announce")
                .json();
        String attachment = submissions + "/" + announced.required("submissionId").asText() + "/attachments/";
        sender.api.send("PUT", attachment + id, Api.JOSE, "no.compact.jwe").refused(422, "no JWE");
        RSAKey stranger = Crypto.make(KeyOperation.WRAP_KEY, JWEAlgorithm.RSA_OAEP_256);
        String sealed = Crypto.seal(sender.encryptionKey(draft.destinationId()), bytes(10), "application/pdf");
        sender.api.send("PUT", attachment + UUID.randomUUID(), Api.JOSE, sealed).refused(422, "not announced");
        if (version.equals("v2")) {
            String wrongKey = Crypto.seal(stranger, bytes(10), "application/pdf");
            Api.Answer answer = sender.api.send("PUT", attachment + id, Api.JOSE, wrongKey);
            equal(List.of(400, 422).contains(answer.status()), true, "a stranger's key: " + answer.status());
        }
    }
}
