package interop;

import com.nimbusds.jose.EncryptionMethod;
import com.nimbusds.jose.JWEAlgorithm;
import com.nimbusds.jose.JWEHeader;
import com.nimbusds.jose.JWEObject;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.Payload;
import com.nimbusds.jose.crypto.RSADecrypter;
import com.nimbusds.jose.crypto.RSAEncrypter;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jose.jwk.KeyOperation;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.util.X509CertUtils;
import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.security.interfaces.RSAPublicKey;
import java.time.Instant;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import com.nimbusds.jose.util.Base64;

/** JOSE as FIT-Connect uses it, done by Nimbus. */
final class Crypto {
    private Crypto() {}

    static String seal(RSAKey key, byte[] content, String contentType) throws Exception {
        JWEHeader header = new JWEHeader.Builder(JWEAlgorithm.RSA_OAEP_256, EncryptionMethod.A256GCM)
                .keyID(key.getKeyID())
                .contentType(contentType)
                .build();
        JWEObject jwe = new JWEObject(header, new Payload(content));
        jwe.encrypt(new RSAEncrypter(key));
        return jwe.serialize();
    }

    static byte[] open(RSAKey key, String compact) throws Exception {
        JWEObject jwe = JWEObject.parse(compact);
        jwe.decrypt(new RSADecrypter(key));
        return jwe.getPayload().toBytes();
    }

    static String tag(String compact) throws Exception {
        return JWEObject.parse(compact).getAuthTag().toString();
    }

    static String sha512(byte[] content) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-512").digest(content));
    }

    /** The key has what every destination key must have, and its certificate is about the same key and vouches for itself or has a chain. */
    static RSAKey checked(RSAKey key, KeyOperation operation, String algorithm) throws Exception {
        RSAPublicKey shown = key.toRSAPublicKey();
        X509Certificate certificate = X509CertUtils.parse(key.getX509CertChain().get(0).decode());
        certificate.checkValidity();
        if (key.getX509CertChain().size() == 1) {
            certificate.verify(certificate.getPublicKey());
        }
        boolean good = shown.getModulus().bitLength() >= 4096
                && shown.getPublicExponent().equals(BigInteger.valueOf(65537))
                && key.getAlgorithm().getName().equals(algorithm)
                && key.getKeyOperations().equals(Set.of(operation))
                && certificate.getPublicKey().equals(shown)
                && !key.isPrivate();
        if (!good) {
            throw new AssertionError("the key " + key.getKeyID() + " breaks a rule");
        }
        return key;
    }

    static void verify(JWSObject token, RSAKey key) throws Exception {
        if (!token.getHeader().getAlgorithm().equals(JWSAlgorithm.PS512)) {
            throw new AssertionError("signed with " + token.getHeader().getAlgorithm());
        }
        if (!token.verify(new RSASSAVerifier(key))) {
            throw new AssertionError("a signature is wrong");
        }
    }

    /** A new key with a self-signed certificate; {@link RSAKey#toPublicJWK} is what a destination shows. */
    static RSAKey make(KeyOperation operation, com.nimbusds.jose.Algorithm algorithm) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(4096);
        KeyPair pair = generator.generateKeyPair();
        X500Name name = new X500Name("CN=interop");
        Instant now = Instant.now();
        var certificate = new JcaX509v3CertificateBuilder(
                        name,
                        BigInteger.valueOf(now.toEpochMilli()),
                        Date.from(now.minusSeconds(60)),
                        Date.from(now.plusSeconds(30 * 86400L)),
                        name,
                        pair.getPublic())
                .build(new JcaContentSignerBuilder("SHA512withRSA").build(pair.getPrivate()));
        X509Certificate made = new JcaX509CertificateConverter().getCertificate(certificate);
        return new RSAKey.Builder((RSAPublicKey) pair.getPublic())
                .privateKey(pair.getPrivate())
                .keyID(UUID.randomUUID().toString())
                .algorithm(algorithm)
                .keyOperations(Set.of(operation))
                .x509CertChain(List.of(Base64.encode(made.getEncoded())))
                .build();
    }
}
