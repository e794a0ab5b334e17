"""ML-KEM-768 ciphertexts to the public test keys of suite 2 (base64url, white space to be ignored).

The one thing that the vectors cannot derive in Python, whose library takes no randomness for an encapsulation. Printed
by `node schemas/verifier/encapsulate.mjs`, which derives the randomness from the key's name; a test compares.
"""

ENCAPSULATIONS: dict[str, str] = {
    "kz-mvd wrap 2": """
        yImBtFATrMegueUJSpqkJPtpQcFZNFJR64PkxWT_6ukxJK3eYz0wgoaDGPvdv7CYmu8jklEeWWQZKie8sjmDswsYc1nXzGUsSF6d
        E5FmLAFCIuOu-UOAXouNr6wbrSm845dsxhQ14zPhc6O_w37J-uB8uun4QXfjYQbAXYMxAMjZ76_rUyhMtA06o3T5x4OhpzbKugav
        K-DqG9yMksJMEHw-f4mS1dbl3H5xhUd11Sz8yKNrRqhh5lIBl4BgVbS9FqZxnZDvFqEq_4ZQ-j87KB10oEWier-4c-YxxIoZx1gQ
        gMmYrYvwCer3EvlIWiGTPCaeGzPW6tfXN5B4aXM5j04VVc38cGtSHJHUVw5LVIs8EpAlb74xa2amHDcinl4IHgq68AIYTlR3U2m8
        Xsg2L2fQRhTSzehqeqZTS6v4arK2sCo_atX4z2QqIQvxdcbCRw4G-xQUw0tcM2MgrTRNJNj7VD5R2W1JhCzZzQyGjfrgyDZctPS0
        y0ly8r_OLnq77nD8_QacRxfBnIlZSrAyigKJBkD6_dD6bydOnIdJEm_kiP_sGtOpEFUguFMWb20vWuQqtYEr8QkzLI3PnG99qA7R
        BQWph7AnEOXoBqyAMkB4PAO8lc3BA2ntI_uq2z6D4cqMKoMoB5NTa1N4W875mKJwsThf72SqSSjRVhKNdpweRJ192G_X2VD4UhmU
        tT0PoT0Y5sjUqSDLmyAYDUDdj-st-7C2hqTm3MyQKanhwF4mrRDYgjEPgcWq22G6w7OjQvg07MlKoHZYrJQAr-Cp924-QK4RzgPb
        wyJF7sypAMBgZetpblqJevYXJaBs9871lFG8-Ie5Uhrqxsav6sucxzwCmHPD8cXtnm0fbZKdFqaYRtJzKg8WvJRd5pfW6LVJyvlz
        t5L2ZpzF6YkeLKKHtkS6LEXeZS9QzS3cTEO7tpW6RODmVfrlv0n9L3rY4pnFfyCfLAXnsnxrhHDP7wNAsuyfndJnx54PeVY6ScNK
        y8zpDe_lA1Aqho1VI39RrtzMrLb5m5qOlcbI1_RmrvwPoehPQl4VbFTdKdzBfGseHsKYu7NPwZ77W5mQgjCgQpE07gOYzWvTMCFA
        SBMi4eOcpli0jW87DSFI3PicwoTxxvX9DdCKtqq_tPnzRNndptP-lz5CyzSPnTB551wBrIhH_8FDoc8t_l8ivb3k3B1xq_1AJ2F5
        en4bS9YXGZZu7J_isL7--K0HQnrJy05QBQ38JmTL7KJot_TB-CNiHY4tS6YZkN5hvDOz6alhsoJKkYHqVCnBCvyNfbINL9lCHTBC
        GNT0s_XaglG2gw7I8Y2N5nm-O0lJtnMc2DOYYg6513e7l8bXAylLCzcs8yhxEGsAcGw3m8IvL9s7oGz7Mg0V0aSnPUiANM_rwy2o
        cPdx_Pku3Ho5LTOaJyJDV3JAwNO-ThQ4Ct9qiBSh3OfG0eX_vAE
    """,
    "caricc wrap 2": """
        DD0r3ARz003grIsibWNX2KRIYtB8J9dFajyGLDylJs8G4uoJhFhBWhPzk-Gdwymxca7QWkI9eMZ8vSpoQL4K0oY8QJU7W3XAvzOH
        6Z_LmYzdYGPeVmCOwGDTtqFTPddO3IvgnhENeG1unyFBX3S5sojaCZ4fwf18LvYqhJunjtw42FKjx4gSnOOtktAa1OLhuNI5KxHK
        WgjYh0LzeXQZSf1ohVMRDTGTrzyIRJ62-0II0RUZ2quVmvEWIqaDbURMjEE4fYckNmfQ2HkNOtJW-h8ZEInG3JsiQj8DPRW67c5P
        DJLChRbc238yFrfxSKGO-RCLH0WuZh9FAaTkfbhlrURThN-5LGEVjMxBIFMp9JsIU7HVQH-WZEg9wuAn6Z67ET0cT_s_EvbsVmJa
        _8p_HgrwqsqjbUvUcmkoIvz0YW0ij_v2BT9kDBh04DNtaLXu_LZiJ_Ouq5XvHdEyFFivRK98J8Hz_p90dOMAcvGHnewKFIgODHyw
        GlGdxw5fjEZf7hq3hG13WM_Akk_-Qma9NA2nEi52-wDpeAvakLquAeMKEWaVgH653egdDyQjRtpqn1QyFMiQyduPJZ1S17LmSiPU
        dTq5be6dBZHyHueusdfCLurDtYhhoDUad5E2FmJsnW-NcgAhbiz-ALLR2mRH-DBuKKNsSTrGQtNXfxyX1YA9K50rNQcesilsurqK
        gKJ8E9Xcqu1fjj0jDkGpBAq63lTGYvAsI-usiXDszItxR9-BlN1kpRMIX_T_2KwqP-z2Pj1cmcgeaVd3XuSutqfINTF0Tu1BmGH6
        Lsdb5dN_VmIWGdb4IIlGS5BiR-EemLDrOa8QWqhqRRXGYamFjG84qGQyMQdF8quR6EgcInlmngQDOiYkHK_rBsBXUXIlpS0MXGtZ
        V2iZm43J588JPAMII6EJBvNG9AOhdBIcNQCV-LIPID2fDR15E3MT352DiqfJqvScZu4oK1KPMlZ0f2cMCzKCt5OkrKnLU4hMzpMo
        Z3CokeciqXu9kcCjAo2N7xF-dlwxn8JlFSeIkUkGb-X9-RzujAX7G3sMFtE3fGWpVRODMC6adiSCvbyhYvPQmPim1hyWhHok8qn8
        zG5M3PRIDm4D1WwSks-nJQWF20w-6qiCXH_WS1cRgtmSYEkaGvJw2A4orYACa0Ndy78o5thJiFedSmfYA-nDZVRS-r_QfaBpX2KU
        8bkuinbWWfG5nEU0xNydLNPmhlHgYeMB8iM6_b6kmvxYdyIWZtlGJLq15kc5Z3Lo_MVLbacxEjSJRhnZfYko2RYKo3hdqobS-4il
        zJ9seQj2drEEOZD-HIyFe-j-h7tHLaMaeVRDU2KtK20_wp-3Zl74tQi77FbOWFjEN2e66i6IoQwyUkw3_x3BjqRbu8B1YL_3KZjG
        mTfWW3TQ1gRSlG-7vboq4_GwzM1BKVmcyr_agWgwdxCKbIImbvM
    """,
}
