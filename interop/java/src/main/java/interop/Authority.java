package interop;

import com.nimbusds.jose.Algorithm;
import com.nimbusds.jose.jwk.KeyOperation;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.util.Base64;
import com.nimbusds.jose.util.X509CertUtils;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Security;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * A throw-away authority in the form the administration's PKI has: root, intermediate, leaf; RSA of 4096 bits, RSASSA-PSS with SHA-512.
 *
 * <p>{@code main DIR} makes one and leaves root and intermediate there.
 */
final class Authority {
    private static final String ROOT = "root.pem";
    private static final String BETWEEN = "intermediate.pem";
    private static final String KEY = "intermediate.pk8";
    private static final X500Name ROOT_NAME = new X500Name("C=DE,O=Interop,CN=Interop Root CA");
    private static final X500Name BETWEEN_NAME = new X500Name("C=DE,O=Interop,CN=Interop CA 1");

    static {
        Security.addProvider(new BouncyCastleProvider());
    }

    private final X509Certificate root;
    private final X509Certificate between;
    private final PrivateKey key;

    private Authority(X509Certificate root, X509Certificate between, PrivateKey key) {
        this.root = root;
        this.between = between;
        this.key = key;
    }

    public static void main(String[] arguments) throws Exception {
        Path dir = Files.createDirectories(Path.of(arguments[0]));
        Authority made = make();
        Files.writeString(dir.resolve(ROOT), X509CertUtils.toPEMString(made.root) + "\n");
        Files.writeString(dir.resolve(BETWEEN), X509CertUtils.toPEMString(made.between) + "\n");
        Files.write(dir.resolve(KEY), made.key.getEncoded());
    }

    static Authority make() throws Exception {
        KeyPair root = pair();
        KeyPair between = pair();
        X509Certificate rootCertificate = issue(ROOT_NAME, root.getPublic(), ROOT_NAME, root.getPrivate(), true);
        return new Authority(
                rootCertificate,
                issue(BETWEEN_NAME, between.getPublic(), ROOT_NAME, root.getPrivate(), true),
                between.getPrivate());
    }

    static Authority load(Path dir) throws Exception {
        PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(Files.readAllBytes(dir.resolve(KEY)));
        return new Authority(
                X509CertUtils.parse(Files.readString(dir.resolve(ROOT))),
                X509CertUtils.parse(Files.readString(dir.resolve(BETWEEN))),
                KeyFactory.getInstance("RSA").generatePrivate(key));
    }

    private static KeyPair pair() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(4096);
        return generator.generateKeyPair();
    }

    private static X509Certificate issue(X500Name subject, PublicKey owner, X500Name issuer, PrivateKey signer, boolean isAuthority)
            throws Exception {
        Instant now = Instant.now();
        int usage = isAuthority ? KeyUsage.keyCertSign | KeyUsage.cRLSign : KeyUsage.keyEncipherment | KeyUsage.digitalSignature;
        var certificate = new JcaX509v3CertificateBuilder(
                        issuer,
                        new BigInteger(64, new java.security.SecureRandom()),
                        Date.from(now.minusSeconds(60)),
                        Date.from(now.plusSeconds(30 * 86400L)),
                        subject,
                        owner)
                .addExtension(Extension.basicConstraints, true, new BasicConstraints(isAuthority))
                .addExtension(Extension.keyUsage, true, new KeyUsage(usage))
                .build(new JcaContentSignerBuilder("SHA512WITHRSAANDMGF1")
                        .setProvider(BouncyCastleProvider.PROVIDER_NAME)
                        .build(signer));
        return new JcaX509CertificateConverter().getCertificate(certificate);
    }

    /** A new key with its chain; {@link RSAKey#toPublicJWK} is what a destination shows. */
    RSAKey issue(KeyOperation operation, Algorithm algorithm) throws Exception {
        KeyPair pair = pair();
        X509Certificate leaf = issue(new X500Name("CN=Interop destination"), pair.getPublic(), BETWEEN_NAME, key, false);
        List<Base64> chain = new ArrayList<>();
        for (X509Certificate certificate : List.of(leaf, between, root)) {
            chain.add(Base64.encode(certificate.getEncoded()));
        }
        return new RSAKey.Builder((RSAPublicKey) pair.getPublic())
                .privateKey(pair.getPrivate())
                .keyID(UUID.randomUUID().toString())
                .algorithm(algorithm)
                .keyOperations(Set.of(operation))
                .x509CertChain(chain)
                .build();
    }

    /** The chain of a key leads to this authority's root. Revocation cannot be asked for. */
    void check(RSAKey shown) throws Exception {
        List<X509Certificate> path = new ArrayList<>();
        for (Base64 entry : shown.getX509CertChain()) {
            X509Certificate certificate = X509CertUtils.parse(entry.decode());
            if (!certificate.equals(root)) {
                path.add(certificate);
            }
        }
        PKIXParameters rules = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        rules.setRevocationEnabled(false);
        CertPathValidator.getInstance("PKIX").validate(CertificateFactory.getInstance("X.509").generateCertPath(path), rules);
    }
}
